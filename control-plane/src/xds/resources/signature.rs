//! AWS Signature Version 4, by Envoy's own filter.
//!
//! The keys stand in the cluster, for Envoy has no secret service for them: fields that Envoy's
//! configuration dump shows as redacted. A new key is therefore a new version of the cluster, under
//! the same name.

use envoy_types::pb::envoy::extensions::common::aws::v3::{
    AwsCredentialProvider, InlineCredentialProvider,
};
use envoy_types::pb::envoy::extensions::filters::http::aws_request_signing::v3::AwsRequestSigning;
use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher};

use super::Signing;

/// What Bedrock's runtime is called in signatures.
const SERVICE: &str = "bedrock";

/// The upstream filter that signs what ours has written, body included: AWS promises to take
/// `UNSIGNED-PAYLOAD` for S3 alone, and the whole body is there anyway.
pub(super) fn signer(signing: &Signing) -> AwsRequestSigning {
    let credential = InlineCredentialProvider {
        access_key_id: signing.access_key_id.expose().to_owned(),
        secret_access_key: signing.secret_access_key.expose().to_owned(),
        session_token: match &signing.session_token {
            Some(token) => token.expose().to_owned(),
            None => String::new(),
        },
    };
    AwsRequestSigning {
        service_name: SERVICE.into(),
        region: signing.region.clone(),
        // Besides host, date, hash and session token. Others may change on their way: those that
        // Envoy or a proxy adds.
        match_included_headers: vec![StringMatcher {
            match_pattern: Some(string_matcher::MatchPattern::Exact("content-type".into())),
            ..Default::default()
        }],
        credential_provider: Some(AwsCredentialProvider {
            inline_credential: Some(credential),
            ..Default::default()
        }),
        ..Default::default()
    }
}
