//! Provider keys, and credentials for proxies. They travel as SDS secrets and in no other resource.

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::extensions::filters::http::credential_injector::v3::CredentialInjector;
use envoy_types::pb::envoy::extensions::http::injected_credentials::generic::v3::Generic;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3 as tls;

use super::{Credential, pb};
use crate::secrets::Secret;

/// How long what waits for a secret waits. Long, because it runs while Envoy takes in all clusters,
/// which may be thousands.
pub(super) const PATIENCE_S: i64 = 120;

pub(super) fn secret(name: &str, secret: &Secret) -> tls::Secret {
    let value = core::data_source::Specifier::InlineBytes(secret.expose().as_bytes().to_vec());
    tls::Secret {
        name: name.into(),
        r#type: Some(tls::secret::Type::GenericSecret(tls::GenericSecret {
            secret: Some(core::DataSource {
                specifier: Some(value),
                ..Default::default()
            }),
            ..Default::default()
        })),
    }
}

/// The upstream filter that writes the key into the request, after ours has removed the caller's.
pub(super) fn injector(credential: &Credential) -> CredentialInjector {
    let generic = Generic {
        credential: Some(tls::SdsSecretConfig {
            name: credential.secret.clone(),
            sds_config: Some(pb::ads(PATIENCE_S)),
        }),
        header: credential.header.clone(),
        header_value_prefix: credential.prefix.clone(),
    };
    CredentialInjector {
        overwrite: true,
        // A call without its key could only fail at the provider, less clearly.
        allow_request_without_credential: false,
        credential: Some(pb::extension(
            "envoy.http.injected_credentials.generic",
            generic,
        )),
    }
}
