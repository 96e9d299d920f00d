//! Answers that no role has made: Envoy's own (nothing to connect to, timed out, body over the
//! buffer) and an upstream's error that Envoy chose not to retry. They are replaced, so that the
//! caller reads its own dialect and nothing of an upstream's words.

use tollgate_host::{Host, Map};
use tollgate_protocol::{ErrorInfo, ErrorKind};

use crate::gateway::limits;
use crate::refusal::{answer_headers, too_large, too_slow};
use crate::stream::Stream;

/// Replaces the head and says what is to replace the body. An answer without a body stays without.
pub(super) fn replace_headers(host: &dyn Host, stream: &mut Stream, end: bool) -> Vec<u8> {
    let error = error(host, stream).with_request_id(stream.id.clone());
    let (status, body) = stream.call.write_error(&error);
    let status = status.to_string();
    let length = if end { 0 } else { body.len() }.to_string();
    let mut headers: Vec<(&str, &[u8])> = vec![
        (":status", status.as_bytes()),
        ("content-type", b"application/json"),
        ("content-length", length.as_bytes()),
    ];
    let own = answer_headers(stream.call.dialect(), &stream.id);
    let own = own.into_iter().chain(limits::shown(stream));
    headers.extend(own.map(|(name, value)| (name, value.as_bytes())));
    let _ = host.set_headers(Map::Response, &headers);
    stream.close_attempt();
    stream.error = Some(error);
    body
}

fn error(host: &dyn Host, stream: &Stream) -> ErrorInfo {
    let status = host
        .headers(Map::Response)
        .ok()
        .and_then(|headers| headers.get(":status").and_then(number))
        .unwrap_or(500);
    let details = host
        .property(&["response", "code_details"])
        .unwrap_or_default();
    let details = String::from_utf8_lossy(&details).into_owned();
    let upstream = |message: &'static str| ErrorInfo::new(ErrorKind::Upstream, message);
    let Some(last) = stream.attempts.last() else {
        // No channel was tried: this is about the request.
        return match status {
            408 => too_slow(),
            413 => too_large(
                stream
                    .active
                    .as_ref()
                    .map_or(0, |a| a.config.max_body_bytes),
            ),
            _ if details.contains("timeout") => too_slow(),
            _ => ErrorInfo::new(
                ErrorKind::Internal,
                "The gateway could not handle the request.",
            ),
        };
    };
    if details.contains("response_payload_too_large") {
        return upstream("The upstream's answer was too large.");
    }
    if details.contains("timeout") || status == 504 {
        return ErrorInfo::new(ErrorKind::Timeout, "The upstream did not answer in time.");
    }
    match &stream.error {
        // What the last attempt ran into, and Envoy did not try again.
        Some(error) if last.status != 0 => error.clone(),
        _ => upstream("No upstream could be reached."),
    }
}

fn number(bytes: &[u8]) -> Option<u16> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}
