//! Bodies of requests that the log keeps. Gateways send the beginning of them as it was; here
//! secrets and what nobody can read are taken out before anything is on disk.

mod redact;

use prost::Message;
use tollgate_config::detail::{BODY_BYTES_MAX, Detail as Sent};

use crate::domain::{Detail, now_unix_ms};
use crate::store::{Result, Store};

/// Longest id and group, as in a log row.
const ID_BYTES: usize = 512;
const GROUP_BYTES: usize = 120;

/// Keeps what gateways sent, each an encoded [`Sent`]. What cannot be read is reported and left out.
///
/// # Errors
/// When the database is away; nothing is kept then.
pub async fn keep(store: &Store, node: &str, encoded: &[Vec<u8>]) -> Result<()> {
    let now = now_unix_ms();
    let mut details = Vec::new();
    for bytes in encoded {
        match Sent::decode(bytes.as_slice()) {
            Ok(sent) if !sent.id.is_empty() => details.push(detail(sent, now)),
            _ => tracing::error!(node, "bodies that cannot be read"),
        }
    }
    store.keep_details(&details).await
}

fn detail(sent: Sent, now_ms: i64) -> Detail {
    Detail {
        request_id: name(&sent.id, ID_BYTES),
        group: name(&sent.group, GROUP_BYTES),
        created_at_ms: now_ms,
        request_body: body(&sent.request),
        response_body: body(&sent.response),
        request_body_truncated: sent.request_truncated,
        response_body_truncated: sent.response_truncated,
    }
}

fn name(text: &str, max_bytes: usize) -> String {
    let end = text.floor_char_boundary(max_bytes);
    text.get(..end).unwrap_or_default().replace('\0', "")
}

fn body(bytes: &[u8]) -> String {
    let max = usize::try_from(BODY_BYTES_MAX).unwrap_or(usize::MAX);
    let text = String::from_utf8_lossy(bytes.get(..max).unwrap_or(bytes));
    // PostgreSQL does not take NUL in text.
    redact::redact(&text).replace('\0', "")
}
