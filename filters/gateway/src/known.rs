//! Tokens that were looked up a moment ago.
//!
//! A lookup is a call into Envoy, which calls back for memory, and a record to be read: more than all
//! else that is done with a token. So a worker remembers a record for [`FRESH_MS`], well within the
//! second in which a token that was revoked must be refused.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use prost::Message;
use rustc_hash::FxBuildHasher;
use tollgate_config::meter::TokenRecord;
use tollgate_config::names::token_key;
use tollgate_host::Host;

const FRESH_MS: u64 = 200;

/// More records than this are not remembered at a time.
const KNOWN_MAX: usize = 256;

/// SHA-256 of a token.
type Hash = [u8; 32];

struct Known {
    record: Rc<TokenRecord>,
    read_unix_ms: i64,
}

thread_local! {
    // What a caller sends goes through SHA-256 first: nobody can choose where it falls.
    static KNOWN: RefCell<HashMap<Hash, Known, FxBuildHasher>> =
        const { RefCell::new(HashMap::with_hasher(FxBuildHasher)) };
}

/// The record of the token with this hash, if there is such a token.
pub(crate) fn token(host: &dyn Host, hash: &Hash, now_unix_ms: i64) -> Option<Rc<TokenRecord>> {
    KNOWN.with_borrow_mut(|known| {
        let fresh = known
            .get(hash)
            .filter(|it| it.read_unix_ms.abs_diff(now_unix_ms) < FRESH_MS);
        if let Some(fresh) = fresh {
            return Some(Rc::clone(&fresh.record));
        }
        let bytes = host.shared(&token_key(hash));
        let read = bytes.and_then(|bytes| TokenRecord::decode(bytes.as_slice()).ok());
        let Some(record) = read.map(Rc::new) else {
            known.remove(hash);
            return None;
        };
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        let entry = Known {
            record: Rc::clone(&record),
            read_unix_ms: now_unix_ms,
        };
        known.insert(*hash, entry);
        Some(record)
    })
}

/// Has every token looked up anew.
#[cfg(test)]
pub(crate) fn forget() {
    KNOWN.with_borrow_mut(HashMap::clear);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_host::mock::MockHost;

    #[test]
    fn a_record_is_read_again_after_a_while_and_a_token_that_is_gone_is_gone() {
        let hash = [7; 32];
        let named = |name: &str| {
            let record = TokenRecord {
                name: name.into(),
                ..TokenRecord::default()
            };
            MockHost::new().with_shared(&token_key(&hash), &record.encode_to_vec())
        };
        let name = |host: &MockHost, now| token(host, &hash, now).map(|it| it.name.clone());
        let (first, second, none) = (named("first"), named("second"), MockHost::new());
        assert_eq!(name(&first, 1_000), Some("first".into()));
        assert_eq!(name(&second, 1_199), Some("first".into()));
        assert_eq!(name(&second, 1_200), Some("second".into()));
        assert_eq!(name(&none, 1_399), Some("second".into()));
        assert_eq!(name(&none, 1_400), None);
        assert_eq!(name(&second, 1_401), Some("second".into()), "and back");
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let host = (0..=255).fold(MockHost::new(), |host, n: u8| {
            host.with_shared(&token_key(&[n; 32]), &[8, 1])
        });
        for n in 0..=255 {
            assert!(token(&host, &[n; 32], 0).is_some());
        }
        let one_more = [&[0; 16][..], &[9; 16]].concat();
        let host = host.with_shared(&token_key(&one_more), &[8, 1]);
        let one_more = one_more.try_into().unwrap();
        assert!(token(&host, &one_more, 0).is_some());
        KNOWN.with_borrow(|known| assert_eq!(known.len(), 1));
    }
}
