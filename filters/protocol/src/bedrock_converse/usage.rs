//! `usage` as Converse counts: `inputTokens` is net, what was read from or written to
//! the prompt cache is told apart.

use crate::json::Json;
use crate::neutral::{ServiceTier, Usage};

/// Of whatever holds a member `usage`: an answer, a `metadata` event.
pub(super) fn of_holder(holder: Json<'_>) -> Option<Usage> {
    let usage = holder.get("usage").and_then(Json::non_null)?;
    let [input, output, read, written, details] = usage.members([
        "inputTokens",
        "outputTokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
        "cacheDetails",
    ]);
    let count = |json: Option<Json<'_>>| json.and_then(Json::as_u64);
    let long = details.and_then(|details| {
        let mut lifetimes = details.items();
        let long = lifetimes.find(|detail| {
            let ttl = detail.get("ttl").and_then(Json::as_str);
            ttl.as_deref() == Some("1h")
        })?;
        count(long.get("inputTokens"))
    });
    let (read, written) = (count(read), count(written).max(long));
    let gross = count(input).map(|net| {
        net.saturating_add(read.unwrap_or(0))
            .saturating_add(written.unwrap_or(0))
    });
    Some(Usage {
        input_tokens: gross,
        cache_read_tokens: read,
        cache_write_5m_tokens: written.map(|all| all.saturating_sub(long.unwrap_or(0))),
        cache_write_1h_tokens: long,
        output_tokens: count(output),
        service_tier: ServiceTier::of(holder.get("serviceTier").and_then(|tier| tier.get("type"))),
        ..Usage::default()
    })
}
