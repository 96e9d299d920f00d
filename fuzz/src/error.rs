//! Errors: whatever an upstream says, callers get a short, legal error.

use tollgate_protocol::{ALL, CALLERS, read_error, redact, write_error};

use crate::{assert_bounded, assert_json};

const STATUSES: [u16; 12] = [0, 200, 302, 400, 401, 402, 403, 404, 413, 429, 500, 529];

pub fn error(bytes: &[u8]) {
    for &upstream in ALL {
        for status in STATUSES {
            let error = read_error(upstream, status, bytes);
            assert!((400..600).contains(&error.status), "{error:?}");
            for &caller in CALLERS {
                let (status, body) = write_error(caller, &error);
                assert!((400..600).contains(&status), "{status}");
                assert_bounded(&body, bytes);
                assert_json(&body);
            }
        }
    }
    // 2,000 characters are looked at; a word of four may become one of ten.
    let shown = redact(&String::from_utf8_lossy(bytes));
    assert!(shown.chars().count() <= 5_001, "{} bytes", shown.len());
}
