//! AWS Signature Version 4, as AWS checks it: from the request alone, with the secret key.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt::Write;

use ring::digest::{SHA256, digest};
use ring::hmac;

use super::Call;

/// An access key, and the region in which it is good.
#[derive(Debug, Clone)]
pub struct AccessKey {
    pub region: String,
    pub id: String,
    pub secret: String,
    /// Of temporary ones.
    pub session_token: Option<String>,
}

/// What an `authorization` header says.
struct Signature<'a> {
    scope: &'a str,
    key: &'a str,
    signed: Vec<&'a str>,
    value: &'a str,
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

impl AccessKey {
    /// What an administrator types into the key field.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            region, id, secret, ..
        } = self;
        let token = self.session_token.iter();
        let token: String = token.map(|token| format!("|{token}")).collect();
        format!("{region}|{id}|{secret}{token}")
    }

    /// Says what is wrong with the signature of a call.
    pub(super) fn verify(&self, call: &Call) -> Result<(), String> {
        let authorization = call
            .header("authorization")
            .ok_or("Missing Authentication Token")?;
        let signature = Signature::read(authorization).ok_or("Incomplete signature")?;
        let date = call.header("x-amz-date").ok_or("no x-amz-date")?;
        let scope = format!("{}/{}/bedrock/aws4_request", &date[..8], self.region);
        if signature.key != self.id || signature.scope != scope {
            let Signature { key, scope, .. } = signature;
            return Err(format!("The credential {key}/{scope} is not known"));
        }
        if call.header("x-amz-security-token") != self.session_token.as_deref() {
            return Err("The security token included in the request is invalid".into());
        }
        let payload = hex(digest(&SHA256, &call.body).as_ref());
        if call
            .header("x-amz-content-sha256")
            .is_some_and(|told| told != payload)
        {
            return Err("x-amz-content-sha256 is not that of the body".into());
        }
        let mut needed = vec!["host", "x-amz-date"];
        needed.extend(self.session_token.as_ref().map(|_| "x-amz-security-token"));
        if let Some(name) = needed.iter().find(|name| !signature.signed.contains(name)) {
            return Err(format!("{name} is not signed"));
        }
        let request = canonical(call, &signature.signed, &payload);
        let request = hex(digest(&SHA256, request.as_bytes()).as_ref());
        let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{request}");
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in scope.split('/') {
            key = mac(&key, part);
        }
        if hex(&mac(&key, &to_sign)) == signature.value {
            return Ok(());
        }
        Err("The request signature we calculated does not match the signature you provided".into())
    }
}

impl<'a> Signature<'a> {
    fn read(authorization: &'a str) -> Option<Self> {
        let fields = authorization.strip_prefix(ALGORITHM)?.trim();
        let field = |name: &str| {
            let mut fields = fields.split(',').map(str::trim);
            fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let (key, scope) = field("Credential")?.split_once('/')?;
        Some(Self {
            scope,
            key,
            signed: field("SignedHeaders")?.split(';').collect(),
            value: field("Signature")?,
        })
    }
}

/// The request as both sides write it down to sign it.
fn canonical(call: &Call, signed: &[&str], payload: &str) -> String {
    let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
    // The path as it was sent, each segment encoded once more.
    let segments: Vec<String> = path.split('/').map(encoded).collect();
    let mut query: Vec<&str> = query.split('&').collect();
    query.sort_unstable();
    let headers: String = signed
        .iter()
        .map(|name| {
            let value = call.header(name).unwrap_or_default();
            let words: Vec<&str> = value.split_whitespace().collect();
            format!("{name}:{}\n", words.join(" "))
        })
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{payload}",
        call.method,
        segments.join("/"),
        query.join("&"),
        signed.join(";"),
    )
}

fn encoded(segment: &str) -> String {
    let mut out = String::new();
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in AWS's documentation of the signing key.
    #[test]
    fn the_signing_key_is_aws_s() {
        let mut key = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
        for part in ["20150830", "us-east-1", "iam", "aws4_request"] {
            key = mac(&key, part);
        }
        let expected = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
        assert_eq!(hex(&key), expected);
    }
}
