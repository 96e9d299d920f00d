//! Calls that nobody waits for are held against limits when they are asked for, and counted when they are
//! made.

use tollgate_config::together::{Admitted, Counted};

use super::*;

const RESPONSES: &str = "/v1/responses";
const ASKED: &str = r#"{"model":"m","input":"hi","max_output_tokens":9,"background":true}"#;

/// What the control plane is asked, or the refusal.
#[track_caller]
fn ask(host: &MockHost) -> Result<(Gateway, u32, Vec<u8>), Reply> {
    let (gateway, flow) = request(host, RESPONSES, ASKED);
    assert_eq!(flow, Flow::Hold);
    if let Some(reply) = host.take_reply() {
        assert!(host.take_calls().is_empty());
        return Err(reply);
    }
    let (call, message) = asked(host);
    Ok((gateway, call, message))
}

/// The one call under way, and its message.
#[track_caller]
fn asked(host: &MockHost) -> (u32, Vec<u8>) {
    let mut calls = host.take_calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    let call = calls.remove(0);
    (call.id, call.message)
}

#[test]
fn what_is_over_a_limit_is_not_queued() {
    let of = |limits| TokenRecord {
        ip_limits: Some(limits),
        ..TokenRecord::default()
    };
    for record in [
        own(limits(1, 0, 0)),
        of(limits(1, 0, 0)),
        own(limits(0, 120, 0)),
        own(limits(0, 0, 1)),
    ] {
        let host = limited(record.clone());
        for _ in 0..3 {
            let (gateway, ..) = ask(&host).unwrap();
            event(&host, gateway, 200);
        }
        // Asking took nothing.
        let chat = OPENAI_REQUEST.replace(r#""model""#, r#""max_tokens":99,"model""#);
        let _under_way = call(&host, CHAT, &chat).unwrap();
        let reply = ask(&host).err().unwrap();
        assert_eq!(reply.status, 429, "{record:?}: {}", reply.body);
        assert!(reply.body.contains("rate_limit_exceeded"), "{}", reply.body);
        assert_ne!(header(&reply, "retry-after"), "");
    }
}

#[test]
fn what_other_gateways_have_counted_is_asked_without_taking() {
    let host = limited(own(limits(6, 0, 0)));
    let share = Share {
        nodes: 3,
        index: 0,
        is_counted_together: true,
    };
    host.set_shared(SHARE_KEY, Some(&share.encode_to_vec()))
        .unwrap();
    let admitted = Admitted {
        at_ms: 77,
        requests: 6,
        requests_left: 5,
        ..Admitted::default()
    };
    let question = || {
        let (gateway, call, message) = ask(&host).unwrap();
        let counted = Counted::decode(message.as_slice()).unwrap();
        assert!(counted.is_void && counted.rates.len() == 1, "{counted:?}");
        (gateway, call)
    };
    let (mut gateway, call) = question();
    gateway.call_ended(&host, call, Some(admitted.encode_to_vec()));
    let (_, message) = asked(&host);
    assert!(String::from_utf8_lossy(&message).contains("background"));
    assert_eq!(event(&host, gateway, 200).counted, None);

    let (mut gateway, call) = question();
    let refused = Admitted {
        refused_by: 1,
        ..admitted
    };
    gateway.call_ended(&host, call, Some(refused.encode_to_vec()));
    assert_eq!(host.take_reply().unwrap().status, 429);
    assert!(host.take_calls().is_empty());

    // While nobody counts for all, its share is what holds, and nothing of it is taken.
    for _ in 0..4 {
        let (mut gateway, call) = question();
        gateway.call_ended(&host, call, None);
        assert_eq!(asked(&host).0, call + 1);
        drop(gateway);
    }
}
