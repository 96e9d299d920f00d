//! Certificates that are good for one test.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

/// Somebody whose signature is trusted, by those who are told to.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Identity {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// Keeps its files, and those of whom it signs, in a folder of its own below this one.
    ///
    /// # Panics
    /// When there is no such folder.
    #[must_use]
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let folder = folder.join(name);
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("authority.pem"), issuer.pem()).expect("a file");
        Self { issuer, folder }
    }

    /// Its own certificate, PEM.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// A certificate for a host name or an address.
    ///
    /// # Panics
    /// When it is neither.
    #[must_use]
    pub fn signs(&self, name: &str) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let identity = Identity {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        };
        fs::write(&identity.certificate, certificate.pem()).expect("a file");
        fs::write(&identity.key, key.serialize_pem()).expect("a file");
        identity
    }
}
