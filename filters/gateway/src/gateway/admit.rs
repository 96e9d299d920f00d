//! The head of a request: is there such an endpoint, who calls, may they.

use std::net::{IpAddr, SocketAddr};

use prost::Message;
use tollgate_config::meter::TokenRecord;
use tollgate_config::names::{CALLER_HEADER, CHANNEL_HEADER, READY_KEY, token_key};
use tollgate_host::{Headers, Host, Map};
use tollgate_policy::auth::{authorize, token_hash};
use tollgate_protocol::ErrorInfo;

use crate::call::{Call, Endpoint};
use crate::gateway::models;
use crate::refusal;
use crate::state::Active;
use crate::stream::Stream;

pub(super) enum Admitted {
    /// A model call; its body is to be gathered.
    WantsBody,
    /// Answered from the configuration.
    Answered,
    /// About a response that the control plane may have.
    AsksForResponse,
}

/// Reads the head and decides what can be decided without a body.
pub(super) fn admit(
    host: &dyn Host,
    stream: &mut Stream,
    end: bool,
) -> Result<Admitted, ErrorInfo> {
    let headers = host.headers(Map::Request).unwrap_or_default();
    stream.call = Call::read(&headers);
    stream.address = address(host, &headers);
    forget_envoy_headers(host, &headers);
    check_text(&headers)?;

    let Some(methods) = stream.call.endpoint.methods() else {
        return Err(refusal::unknown_path(
            &stream.call.method,
            &stream.call.path,
        ));
    };
    // Whatever the method: behind an upgrade no request body could be told from a stream.
    if headers.get("upgrade").is_some() {
        return Err(refusal::no_upgrade());
    }
    if !methods
        .split(", ")
        .any(|method| method == stream.call.method)
    {
        return Err(refusal::wrong_method(methods));
    }
    let active = stream.active.clone().ok_or_else(refusal::not_ready)?;
    if active.bans()
        && peer(host).is_some_and(|address| active.is_banned(address, host.now_unix_ms()))
    {
        return Err(refusal::banned());
    }
    let mut token = identify(host, &headers, stream)?;
    if token.only_channel.is_some()
        && let Some(caller) = headers.get(CALLER_HEADER)
    {
        token = instead_of(host, stream, caller)?;
    }
    // What decides is who is connected; what a header says is good enough for the log.
    let address = if token.subnets.is_empty() {
        None
    } else {
        stream.caller.or_else(|| peer(host))
    };
    let verdict = authorize(&token, address, stream.started_unix_ms);
    if token.only_channel.is_some() {
        let named = headers.get(CHANNEL_HEADER).map(String::from_utf8_lossy);
        let only = named.and_then(|id| id.parse().ok()).unwrap_or(0);
        token.only_channel = Some(only);
    }
    stream.token = Some(token);
    verdict.map_err(refusal::denied)?;
    let token = stream.token.as_ref().ok_or_else(refusal::no_token)?;

    match &stream.call.endpoint {
        Endpoint::Models => models::list(host, stream, &active, token),
        Endpoint::Model(model) => models::one(host, stream, &active, token, model)?,
        Endpoint::Stored { .. } => return Ok(Admitted::AsksForResponse),
        Endpoint::Conversations { .. } => {
            // Who may ask no model has nothing to add, but may read and delete.
            if stream.call.method == "POST" {
                check_open(&active, token)?;
            }
            if end {
                return Ok(Admitted::AsksForResponse);
            }
            check_body_headers(&headers, active.config.max_body_bytes)?;
            return Ok(Admitted::WantsBody);
        }
        Endpoint::Generate(_) | Endpoint::Operation(_) | Endpoint::Unknown => {
            check_open(&active, token)?;
            check_body_headers(&headers, active.config.max_body_bytes)?;
            if end {
                return Err(refusal::no_body());
            }
            return Ok(Admitted::WantsBody);
        }
    }
    stream.answer_begins(200);
    Ok(Admitted::Answered)
}

/// Whose token it is. Until the meter holds all tokens, an unknown one may well be valid.
fn identify(host: &dyn Host, headers: &Headers, stream: &Stream) -> Result<TokenRecord, ErrorInfo> {
    let hash = token_hash(|name| headers.get(name))
        .or_else(|| {
            let key = stream.call.query_key()?;
            token_hash(|name| (name == "x-goog-api-key").then_some(key.as_bytes()))
        })
        .ok_or_else(refusal::no_token)?;
    let record = host.shared(&token_key(&hash));
    match record.and_then(|record| TokenRecord::decode(record.as_slice()).ok()) {
        // It was rotated, and its time is over.
        Some(token) if token.ends_unix_ms != 0 && token.ends_unix_ms <= stream.started_unix_ms => {
            Err(refusal::unknown_token())
        }
        Some(token) => Ok(token),
        None if host.shared(READY_KEY).is_none() => Err(refusal::not_ready()),
        None => Err(refusal::unknown_token()),
    }
}

/// Who does not wait for this call, which the control plane makes: see [`CALLER_HEADER`].
fn instead_of(
    host: &dyn Host,
    stream: &mut Stream,
    caller: &[u8],
) -> Result<TokenRecord, ErrorInfo> {
    let caller = String::from_utf8_lossy(caller);
    let mut words = caller.split(' ');
    let [key, id, address] = [(); 3].map(|()| words.next().unwrap_or_default());
    let record = host.shared(key);
    let token = record.and_then(|record| TokenRecord::decode(record.as_slice()).ok());
    let token = token.ok_or_else(refusal::unknown_token)?;
    id.clone_into(&mut stream.id);
    stream.is_background = true;
    stream.caller = address.parse().ok();
    if let Some(address) = stream.caller {
        stream.address = address.to_string();
    }
    Ok(token)
}

/// Whether anything is served that costs.
fn check_open(active: &Active, token: &TokenRecord) -> Result<(), ErrorInfo> {
    if active.config.closed && token.only_channel.is_none() {
        return Err(refusal::closed());
    }
    match token.out_of_credit {
        true => Err(refusal::out_of_credit()),
        false => Ok(()),
    }
}

fn check_body_headers(headers: &Headers, max_body_bytes: u64) -> Result<(), ErrorInfo> {
    let value = |name| headers.get(name).map(<[u8]>::to_ascii_lowercase);
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
    let length = headers
        .get("content-length")
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|value| value.parse::<u64>().ok());
    if length.is_some_and(|length| length > max_body_bytes) {
        return Err(refusal::too_large(max_body_bytes));
    }
    Ok(())
}

/// The caller's address as text, for the log: what Envoy has just appended to `x-forwarded-for`,
/// which costs less to read than the attribute that it came from.
fn address(host: &dyn Host, headers: &Headers) -> String {
    let appended = headers
        .get("x-forwarded-for")
        .and_then(|chain| chain.rsplit(|byte| *byte == b',').next())
        .and_then(|last| std::str::from_utf8(last.trim_ascii()).ok())
        .and_then(|last| last.parse::<IpAddr>().ok());
    let address = appended.or_else(|| peer(host));
    address
        .map(|address| address.to_canonical().to_string())
        .unwrap_or_default()
}

/// The address at the other end of the connection.
pub(super) fn peer(host: &dyn Host) -> Option<IpAddr> {
    let address = host.property(&["source", "address"])?;
    let socket: SocketAddr = std::str::from_utf8(&address).ok()?.parse().ok()?;
    Some(socket.ip().to_canonical())
}

/// Header values are text (RFC 9110 §5.5 leaves other bytes to chance, and so do the programs
/// between here and a provider).
fn check_text(headers: &Headers) -> Result<(), ErrorInfo> {
    match headers
        .iter()
        .find(|(_, value)| std::str::from_utf8(value).is_err())
    {
        Some((name, _)) => Err(refusal::header_is_no_text(name)),
        None => Ok(()),
    }
}

/// A caller must not steer the router: Envoy trusts these headers when they come from an address
/// that it holds for internal. Its own word of the caller's address steers nothing.
fn forget_envoy_headers(host: &dyn Host, headers: &Headers) {
    let steers = |name: &&str| name.starts_with("x-envoy-") && *name != "x-envoy-external-address";
    for name in headers.iter().map(|(name, _)| name).filter(steers) {
        let _ = host.set_header(Map::Request, name, None);
    }
}
