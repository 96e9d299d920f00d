//! TLS in front of something that has none: a provider, a proxy.

use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificates::Identity;

/// Takes TLS connections with a certificate, and passes on what comes through them.
#[derive(Debug)]
pub struct Encrypted {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Encrypted {
    /// # Panics
    /// When the certificate cannot be used, or loopback has no free port.
    #[must_use]
    pub fn before(behind: SocketAddr, identity: &Identity) -> Self {
        let mut certificate = BufReader::new(File::open(&identity.certificate).expect("a file"));
        let chain: Vec<_> = CertificateDer::pem_reader_iter(&mut certificate)
            .collect::<Result<_, _>>()
            .expect("certificates");
        let key = PrivateKeyDer::from_pem_file(&identity.key).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate with its key");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("its address");
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Whoever does not like the certificate goes away.
                    let mut inner = acceptor.accept(stream).await?;
                    let mut there = TcpStream::connect(behind).await?;
                    tokio::io::copy_bidirectional(&mut inner, &mut there).await
                });
            }
        });
        Self {
            address,
            _runtime: runtime,
        }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
