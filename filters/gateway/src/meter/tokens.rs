//! Tokens in shared data: a snapshot replaces all of them, a delta some.

use std::collections::HashSet;
use std::mem;

use prost::Message;
use tollgate_config::meter::{TokenUpdate, Tokens};
use tollgate_config::names::{READY_KEY, token_key};
use tollgate_host::{Level, MeterHost};

/// Which tokens are in shared data, so that a snapshot can forget those that it leaves out.
#[derive(Debug, Default)]
pub(super) struct TokenTable {
    known: HashSet<Vec<u8>>,
    /// Tokens of the snapshot that is being received.
    snapshot: HashSet<Vec<u8>>,
}

impl TokenTable {
    /// Writes a part of a snapshot, or a delta. True when the workers now see everything up to
    /// this version.
    pub(super) fn apply(&mut self, host: &dyn MeterHost, tokens: Tokens) -> bool {
        for update in tokens.updates {
            self.write(host, update, tokens.snapshot);
        }
        if tokens.snapshot && tokens.last {
            let kept = mem::take(&mut self.snapshot);
            for gone in self.known.difference(&kept) {
                set(host, &token_key(gone), None);
            }
            self.known = kept;
            set(host, READY_KEY, Some(b"1"));
        }
        tokens.last
    }

    /// The stream ended in the middle of a snapshot; the next one starts from nothing.
    pub(super) fn abandon_snapshot(&mut self) {
        self.known.extend(mem::take(&mut self.snapshot));
    }

    fn write(&mut self, host: &dyn MeterHost, update: TokenUpdate, snapshot: bool) {
        let key = token_key(&update.hash);
        match update.record {
            Some(record) => {
                set(host, &key, Some(&record.encode_to_vec()));
                if snapshot {
                    self.snapshot.insert(update.hash);
                } else {
                    self.known.insert(update.hash);
                }
            }
            None => {
                set(host, &key, None);
                self.known.remove(&update.hash);
            }
        }
    }
}

fn set(host: &dyn MeterHost, key: &str, value: Option<&[u8]>) {
    if let Err(error) = host.set_shared(key, value) {
        host.log(Level::Error, &format!("shared data: {error}"));
    }
}
