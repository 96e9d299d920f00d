//! Bounds of what an event may bring into the database.

use tollgate_config::meter::Usage;
use tollgate_policy::price::NanoUsd;

use crate::domain::MAX_CALL_AMOUNT;

/// Model names, ids, addresses. Above what the admin API takes for a model's name, so that none is cut
/// before its price is looked up.
const NAME_BYTES: usize = 512;
/// Names of groups and tokens, likewise. With a model's they fit into one key of an index in MySQL.
const OWNER_BYTES: usize = 120;
/// Error texts and losses.
const TEXT_BYTES: usize = 2048;
/// What one call can cost at most, for the same reason.
pub(super) const MAX_AMOUNT: NanoUsd = MAX_CALL_AMOUNT;
/// More attempts or losses than this tell nothing new.
pub(super) const MAX_ITEMS: usize = 64;

pub(super) fn name(text: &str) -> String {
    bounded(text, NAME_BYTES)
}

pub(super) fn owner(text: &str) -> String {
    bounded(text, OWNER_BYTES)
}

pub(super) fn text(text: &str) -> String {
    bounded(text, TEXT_BYTES)
}

/// Counts beyond any answer's length are stopped there, so that no sum of them reaches the end of
/// an i64 and no event can make its whole batch fail.
pub(super) fn usage(usage: Usage) -> Usage {
    const MAX: u64 = 1 << 40;
    Usage {
        input_tokens: usage.input_tokens.min(MAX),
        output_tokens: usage.output_tokens.min(MAX),
        cache_read_tokens: usage.cache_read_tokens.min(MAX),
        cache_write_5m_tokens: usage.cache_write_5m_tokens.min(MAX),
        cache_write_1h_tokens: usage.cache_write_1h_tokens.min(MAX),
        reasoning_tokens: usage.reasoning_tokens.min(MAX),
        estimated: usage.estimated,
        image_input_tokens: usage.image_input_tokens.min(MAX),
        audio_input_tokens: usage.audio_input_tokens.min(MAX),
        video_input_tokens: usage.video_input_tokens.min(MAX),
        image_output_tokens: usage.image_output_tokens.min(MAX),
        audio_output_tokens: usage.audio_output_tokens.min(MAX),
        web_searches: usage.web_searches.min(MAX),
        web_fetches: usage.web_fetches.min(MAX),
        code_runs: usage.code_runs.min(MAX),
        file_searches: usage.file_searches.min(MAX),
    }
}

/// Cut at a character, without NUL, which PostgreSQL does not take in text.
fn bounded(text: &str, max_bytes: usize) -> String {
    let end = text.floor_char_boundary(max_bytes);
    text.get(..end).unwrap_or_default().replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character() {
        assert_eq!(bounded("abc", 3), "abc");
        assert_eq!(bounded("abcd", 3), "abc");
        assert_eq!(bounded("aé", 2), "a");
        assert_eq!(bounded("a\0b", 3), "ab");
    }
}
