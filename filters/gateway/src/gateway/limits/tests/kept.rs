//! What is asked about kept responses and conversations counts as requests, and as nothing else.

use tollgate_config::responses::{Answer, Nothing, answer};
use tollgate_config::together::{Admitted, Counted};

use super::*;
use crate::fixture::head;

const ITEMS: &str = "/v1/conversations/conv_tg0199aabbccdd00112233445566778899/items";
const RESPONSE: &str = "/v1/responses/resp_tg0199aabbccdd00112233445566778899";

/// The question, or its refusal.
#[track_caller]
fn ask(host: &MockHost, path: &str) -> Result<(Gateway, u32), Reply> {
    let token = ("authorization", "Bearer sk-good");
    let (gateway, flow) = head(host, "GET", path, &[token], true);
    assert_eq!(flow, Flow::Hold);
    match host.take_reply() {
        Some(reply) => Err(reply),
        None => Ok((gateway, asked(host).0)),
    }
}

/// The one call under way, and its message.
#[track_caller]
fn asked(host: &MockHost) -> (u32, Vec<u8>) {
    let mut calls = host.take_calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    let call = calls.remove(0);
    (call.id, call.message)
}

fn not_found() -> Vec<u8> {
    let kind = answer::Kind::NotFound(Nothing {});
    Answer { kind: Some(kind) }.encode_to_vec()
}

#[test]
fn questions_count_as_requests_of_the_token_and_of_the_address_whatever_the_answer() {
    let of_address = TokenRecord {
        ip_limits: Some(limits(2, 0, 0)),
        ..TokenRecord::default()
    };
    for record in [own(limits(2, 0, 0)), of_address] {
        let host = limited(record);
        for path in [ITEMS, RESPONSE] {
            let (mut gateway, call) = ask(&host, path).unwrap();
            gateway.call_ended(&host, call, Some(not_found()));
            assert_eq!(host.take_reply().unwrap().status, 404);
            event(&host, gateway, 404);
        }
        for path in [ITEMS, RESPONSE] {
            let reply = ask(&host, path).err().unwrap();
            assert_eq!(reply.status, 429, "{}", reply.body);
            assert!(reply.body.contains("requests per minute"));
        }
        // So they do with the calls of models.
        assert_eq!(call(&host, CHAT, OPENAI_REQUEST).err().unwrap().status, 429);
    }
}

#[test]
fn what_is_kept_comes_with_what_is_left() {
    let host = limited(own(limits(2, 0, 0)));
    let (mut gateway, call) = ask(&host, RESPONSE).unwrap();
    let kind = Some(answer::Kind::Json("{}".into()));
    gateway.call_ended(&host, call, Some(Answer { kind }.encode_to_vec()));
    let reply = host.take_reply().unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(header(&reply, "x-ratelimit-remaining-requests"), "1");
}

#[test]
fn questions_are_no_calls_of_a_model() {
    let record = TokenRecord {
        user_limits: Some(limits(1, 1, 1)),
        ..own(limits(0, 1, 1))
    };
    let host = limited(record);
    let all: Vec<_> = (0..3).map(|_| ask(&host, ITEMS).unwrap()).collect();
    assert_eq!(all.len(), 3);
}

#[test]
fn questions_are_counted_with_those_of_other_gateways() {
    let host = limited(own(limits(6, 5_000, 1)));
    let share = Share {
        nodes: 3,
        index: 0,
        is_counted_together: true,
    };
    host.set_shared(SHARE_KEY, Some(&share.encode_to_vec()))
        .unwrap();
    let token = ("authorization", "Bearer sk-good");
    let post = || {
        let (mut gateway, _) = head(&host, "POST", ITEMS, &[token], false);
        let body = r#"{"items":[]}"#;
        host.put_body(tollgate_host::Body::Request, body.as_bytes());
        gateway.request_body(&host, body.len(), true);
        let (call, message) = asked(&host);
        let counted = Counted::decode(message.as_slice()).unwrap();
        assert_eq!((counted.rates[0].rpm, counted.rates[0].tpm), (6, 0));
        (gateway, call)
    };
    let (mut gateway, call) = post();
    let admitted = Admitted {
        at_ms: 77,
        requests: 6,
        ..Admitted::default()
    };
    gateway.call_ended(&host, call, Some(admitted.encode_to_vec()));
    // Then its own question, with its body.
    let (call, message) = asked(&host);
    assert!(String::from_utf8_lossy(&message).contains("items"));
    gateway.call_ended(&host, call, Some(not_found()));
    assert_eq!(host.take_reply().unwrap().status, 404);
    let counted = event(&host, gateway, 404).counted.unwrap();
    assert_eq!((counted.at_ms, counted.is_void), (77, false));

    let (mut gateway, call) = post();
    let refused = Admitted {
        refused_by: 1,
        ..admitted
    };
    gateway.call_ended(&host, call, Some(refused.encode_to_vec()));
    assert_eq!(host.take_reply().unwrap().status, 429);
    assert!(host.take_calls().is_empty());
}
