//! Cuts a list of tokens into messages.

use prost::Message;
use tollgate_config::meter::{FromControl, TokenUpdate, Tokens, from_control};

/// Far below gRPC's 4 MiB, and small enough not to keep a gateway's main thread for long.
const MAX_PART_BYTES: usize = 512 * 1024;

/// The messages of one snapshot or one change. A snapshot without tokens is still one message;
/// a change without any is none.
pub(super) fn parts(version: u64, snapshot: bool, updates: Vec<TokenUpdate>) -> Vec<FromControl> {
    let mut parts: Vec<Vec<TokenUpdate>> = Vec::new();
    let mut size = MAX_PART_BYTES;
    for update in updates {
        let bytes = update.encoded_len();
        if size + bytes > MAX_PART_BYTES {
            parts.push(Vec::new());
            size = 0;
        }
        size += bytes;
        if let Some(part) = parts.last_mut() {
            part.push(update);
        }
    }
    if snapshot && parts.is_empty() {
        parts.push(Vec::new());
    }
    let last = parts.len().saturating_sub(1);
    let message = |(at, updates)| FromControl {
        kind: Some(from_control::Kind::Tokens(Tokens {
            version,
            snapshot,
            last: at == last,
            updates,
        })),
    };
    parts.into_iter().enumerate().map(message).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_small_and_only_the_last_says_so() {
        let update = TokenUpdate {
            hash: vec![7; 200_000],
            record: None,
        };
        let check = |snapshot, count: usize, expected: &[(usize, bool)]| {
            let parts = parts(9, snapshot, vec![update.clone(); count]);
            let seen: Vec<_> = parts
                .into_iter()
                .map(|part| match part.kind {
                    Some(from_control::Kind::Tokens(t)) => {
                        assert_eq!((t.version, t.snapshot), (9, snapshot));
                        (t.updates.len(), t.last)
                    }
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(seen, expected);
        };
        check(true, 0, &[(0, true)]);
        check(false, 0, &[]);
        check(false, 1, &[(1, true)]);
        check(true, 5, &[(2, false), (2, false), (1, true)]);
    }
}
