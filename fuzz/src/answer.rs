//! Whole answers: read in every dialect, written in every one that callers speak.

use tollgate_protocol::{
    ALL, CALLERS, Reply, classify_response, pass_response, read_response, write_response,
};

use crate::{assert_bounded, assert_json};

pub fn answer(bytes: &[u8]) {
    for &upstream in ALL {
        drop(classify_response(upstream, bytes));
        if let Ok(passed) = pass_response(upstream, bytes, Some("other"))
            && let Some(edited) = passed.edited
        {
            assert_bounded(&edited, bytes);
            assert_json(&edited);
        }
        let Ok(response) = read_response(upstream, bytes.to_vec()) else {
            continue;
        };
        for &caller in CALLERS {
            let written = write_response(caller, &response, &reply());
            assert_bounded(&written, bytes);
            assert_json(&written);
            read_response(caller, written).expect("an answer of ours");
        }
    }
}

pub(crate) fn reply() -> Reply {
    Reply {
        model: "asked-model".into(),
        id: "r1".into(),
        created_unix_s: 1_700_000_000,
        include_usage: true,
        ..Reply::default()
    }
}
