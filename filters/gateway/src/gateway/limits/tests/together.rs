use tollgate_config::together::{self, Admitted, Counted};

use super::*;

/// Among three gateways, of which it is the first.
fn together(record: TokenRecord) -> MockHost {
    let host = limited(record);
    let share = Share {
        nodes: 3,
        index: 0,
        is_counted_together: true,
    };
    host.set_shared(SHARE_KEY, Some(&share.encode_to_vec()))
        .unwrap();
    host
}

/// A call that waits for the answer to its question.
#[track_caller]
fn asking(host: &MockHost) -> (Gateway, u32, Counted) {
    let (gateway, flow) = request(host, MESSAGES, ANTHROPIC_REQUEST);
    assert_eq!(flow, Flow::Hold, "{:?}", host.replied());
    let calls = host.take_calls();
    let [call] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    let method = format!("{}/{}", together::SERVICE, together::METHOD);
    assert!(call.method.ends_with(&method), "{}", call.method);
    let asked = Counted::decode(call.message.as_slice()).unwrap();
    (gateway, call.id, asked)
}

fn admitted() -> Admitted {
    Admitted {
        at_ms: 77,
        requests: 60,
        requests_left: 9,
        requests_reset_ms: 1_000,
        ..Admitted::default()
    }
}

#[test]
fn a_call_is_counted_with_those_of_other_gateways_before_it_goes_on() {
    let record = TokenRecord {
        user_limits: Some(limits(0, 0, 9)),
        ..own(limits(60, 5_000, 2))
    };
    let host = together(record);
    let (mut gateway, call, asked) = asking(&host);
    let rates = asked.rates.clone();
    assert_eq!(rates.len(), 1, "how many are in flight is our own matter");
    assert_eq!((rates[0].rpm, rates[0].tpm), (60, 5_000), "all of it");
    assert!(asked.tokens > 9);
    gateway.call_ended(&host, call, Some(admitted().encode_to_vec()));
    assert!(host.resumed() && host.replied().is_none());
    {
        let mut stream = gateway.stream.borrow_mut();
        let shown: Vec<_> = shown(&stream).collect();
        let left = ("anthropic-ratelimit-requests-remaining", "9");
        assert!(shown.contains(&left), "{shown:?}");
        stream.answer_begins(200);
        stream.outcome = Some(tollgate_protocol::stream::Outcome::Complete);
        stream.usage.input_tokens = Some(20);
        stream.usage.output_tokens = Some(3);
    }
    let counted = event(&host, gateway, 200).counted.unwrap();
    let expected = Counted {
        at_ms: 77,
        used: 23,
        ..asked
    };
    assert_eq!(counted, expected);
}

#[test]
fn what_all_gateways_together_are_over_is_refused() {
    let host = together(own(limits(60, 5_000, 1)));
    let (mut gateway, call, _) = asking(&host);
    let refused = Admitted {
        refused_by: 1,
        for_tokens: true,
        wait_ms: 4_200,
        tokens: 5_000,
        ..admitted()
    };
    gateway.call_ended(&host, call, Some(refused.encode_to_vec()));
    let reply = host.take_reply().unwrap();
    assert_eq!(reply.status, 429);
    let words =
        "Rate limit reached for this API key: 5000 tokens per minute. Please try again in 5s.";
    assert!(reply.body.contains(words), "{}", reply.body);
    assert_eq!(header(&reply, "retry-after"), "5");
    assert_eq!(header(&reply, "anthropic-ratelimit-tokens-remaining"), "0");
    let event = event(&host, gateway, 429);
    assert_eq!(event.counted, None, "nothing was taken");
    // It holds no place among those in flight.
    let (gateway, ..) = asking(&host);
    drop(gateway);
}

#[test]
fn while_nobody_counts_for_all_its_share_is_what_holds() {
    for answer in [None, Some(Admitted::default().encode_to_vec())] {
        let host = together(own(limits(6, 0, 0)));
        let mut passed = 0;
        for _ in 0..6 {
            let (mut gateway, call, _) = asking(&host);
            gateway.call_ended(&host, call, answer.clone());
            match host.take_reply() {
                Some(reply) => assert_eq!(reply.status, 429),
                None => passed += 1,
            }
            assert_eq!(event(&host, gateway, 200).counted, None);
        }
        assert_eq!(passed, 2);
        host.set_control_plane_away(true);
        assert!(super::call(&host, CHAT, OPENAI_REQUEST).is_err());
    }
}

#[test]
fn what_is_refused_after_it_was_counted_never_was_a_request() {
    let record = TokenRecord {
        budgets: vec!["q5".into()],
        ..own(limits(60, 0, 0))
    };
    let model = Model {
        model: "m".into(),
        max_output_tokens: Some(100),
        request_nano_usd: 1,
        ..Model::default()
    };
    let host = host_with(vec![channel(1, "openai-chat")], model);
    set(&host, "good", record);
    let share = Share {
        is_counted_together: true,
        ..Share::default()
    };
    host.set_shared(SHARE_KEY, Some(&share.encode_to_vec()))
        .unwrap();
    let (mut gateway, call, _) = asking(&host);
    host.set_control_plane_away(true);
    gateway.call_ended(&host, call, Some(admitted().encode_to_vec()));
    assert_eq!(host.take_reply().unwrap().status, 529, "no lease");
    let counted = event(&host, gateway, 529).counted.unwrap();
    assert!(counted.is_void && counted.used == 0);
}
