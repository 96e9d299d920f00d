//! The head of a request: is there such an endpoint, who calls, may they.

use std::net::IpAddr;

use prost::Message;
use tollgate_config::meter::TokenRecord;
use tollgate_config::names::{READY_KEY, token_key};
use tollgate_host::{Headers, Host, Map};
use tollgate_policy::auth::{authorize, token_hash};
use tollgate_protocol::ErrorInfo;

use crate::call::{Call, Endpoint, header};
use crate::gateway::models;
use crate::refusal;
use crate::stream::Stream;

pub(super) enum Admitted {
    /// A model call; its body is to be gathered.
    WantsBody,
    /// Answered from the configuration.
    Answered,
}

/// Reads the head and decides what can be decided without a body.
pub(super) fn admit(
    host: &dyn Host,
    stream: &mut Stream,
    end: bool,
) -> Result<Admitted, ErrorInfo> {
    let headers = host.headers(Map::Request).unwrap_or_default();
    stream.call = Call::read(&headers);
    stream.address = address(host);
    forget_envoy_headers(host, &headers);

    let Some(methods) = stream.call.endpoint.methods() else {
        return Err(refusal::unknown_path(
            &stream.call.method,
            &stream.call.path,
        ));
    };
    if stream.call.method != methods {
        return Err(refusal::wrong_method(methods));
    }
    let active = stream.active.clone().ok_or_else(refusal::not_ready)?;
    let token = identify(host, &headers)?;
    let address: Option<IpAddr> = stream.address.parse().ok();
    let verdict = authorize(&token, address);
    let token = stream.token.insert(token);
    verdict.map_err(refusal::denied)?;

    match &stream.call.endpoint {
        Endpoint::Models => models::list(host, stream.call.dialect(), &stream.id, &active, token),
        Endpoint::Model(model) => {
            models::one(
                host,
                stream.call.dialect(),
                &stream.id,
                &active,
                token,
                model,
            )?;
        }
        Endpoint::Generate(_) | Endpoint::Unknown => {
            check_body_headers(&headers, active.config.max_body_bytes)?;
            if end {
                return Err(refusal::no_body());
            }
            return Ok(Admitted::WantsBody);
        }
    }
    stream.answered = true;
    Ok(Admitted::Answered)
}

/// Whose token it is. Until the meter holds all tokens, an unknown one may well be valid.
fn identify(host: &dyn Host, headers: &Headers) -> Result<TokenRecord, ErrorInfo> {
    let hash = token_hash(headers).ok_or_else(refusal::no_token)?;
    let record = host.shared(&token_key(&hash));
    match record.and_then(|record| TokenRecord::decode(record.as_slice()).ok()) {
        Some(token) => Ok(token),
        None if host.shared(READY_KEY).is_none() => Err(refusal::not_ready()),
        None => Err(refusal::unknown_token()),
    }
}

fn check_body_headers(headers: &Headers, max_body_bytes: u64) -> Result<(), ErrorInfo> {
    let value = |name| header(headers, name).map(<[u8]>::to_ascii_lowercase);
    if let Some(content_type) = value("content-type") {
        let media = content_type
            .split(|b| *b == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        if media != b"application/json" && !media.ends_with(b"+json") {
            return Err(refusal::wrong_content_type());
        }
    }
    if value("content-encoding").is_some_and(|v| !v.is_empty() && v != b"identity") {
        return Err(refusal::wrong_content_encoding());
    }
    let length = header(headers, "content-length")
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|value| value.parse::<u64>().ok());
    if length.is_some_and(|length| length > max_body_bytes) {
        return Err(refusal::too_large(max_body_bytes));
    }
    Ok(())
}

/// The caller's address without its port.
fn address(host: &dyn Host) -> String {
    let address = host.property(&["source", "address"]).unwrap_or_default();
    let address = String::from_utf8_lossy(&address).into_owned();
    match address.parse::<std::net::SocketAddr>() {
        Ok(socket) => socket.ip().to_canonical().to_string(),
        Err(_) => address,
    }
}

/// A caller must not steer the router: Envoy trusts these headers when they come from an address
/// that it holds for internal.
fn forget_envoy_headers(host: &dyn Host, headers: &Headers) {
    for (name, _) in headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-envoy-"))
    {
        let _ = host.set_header(Map::Request, name, None);
    }
}
