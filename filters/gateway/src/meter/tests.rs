use tollgate_config::leases::{HOLDER_KEY, Lease, Leases};
use tollgate_config::meter::{
    Flush, Share, TokenRecord, TokenUpdate, Tokens, UsageAck, UsageBatch,
};
use tollgate_config::names::{READY_KEY, token_key};
use tollgate_host::Host;
use tollgate_host::mock::MockHost;
use tollgate_policy::lease::Account;

use super::*;

fn started() -> (MockHost, Meter) {
    let host = MockHost::new();
    let mut meter = Meter::new("node-1".into(), None);
    meter.start(&host);
    assert!(matches!(
        sent(&host).as_slice(),
        [from_gateway::Kind::Hello(h), from_gateway::Kind::Leases(l)]
            if h.node == "node-1" && l.leases.is_empty() && l.holder.len() == 32
    ));
    (host, meter)
}

/// An event as a worker leaves it on the queue.
fn leave(host: &MockHost, event: &[u8]) {
    let bundle = UsageBatch {
        events: vec![event.to_vec()],
        ..UsageBatch::default()
    };
    host.enqueue("", &bundle.encode_to_vec()).unwrap();
}

fn ticks(host: &MockHost, meter: &mut Meter, ticks: u32) {
    for _ in 0..ticks {
        meter.tick(host);
    }
}

fn sent(host: &MockHost) -> Vec<from_gateway::Kind> {
    let decode = |m: Vec<u8>| FromGateway::decode(m.as_slice()).unwrap().kind.unwrap();
    host.take_sent().into_iter().map(decode).collect()
}

fn receive(host: &MockHost, meter: &mut Meter, kind: from_control::Kind) {
    let message = FromControl { kind: Some(kind) }.encode_to_vec();
    host.put_received(&message);
    meter.receive(host, message.len());
}

fn tokens(version: u64, snapshot: bool, last: bool, ids: &[u8]) -> from_control::Kind {
    let update = |id: &u8| TokenUpdate {
        hash: vec![*id],
        record: Some(TokenRecord {
            id: i64::from(*id),
            ..TokenRecord::default()
        }),
    };
    let updates = ids.iter().map(update).collect();
    from_control::Kind::Tokens(Tokens {
        version,
        snapshot,
        last,
        updates,
    })
}

fn usage(kinds: Vec<from_gateway::Kind>) -> Vec<UsageBatch> {
    let only = |kind| match kind {
        from_gateway::Kind::Usage(batch) => Some(batch),
        _ => None,
    };
    kinds.into_iter().filter_map(only).collect()
}

#[test]
fn a_snapshot_in_parts_replaces_what_was_there() {
    let (host, mut meter) = started();
    receive(&host, &mut meter, tokens(1, true, true, &[1, 2]));
    assert!(host.shared(READY_KEY).is_some());
    receive(&host, &mut meter, tokens(2, true, false, &[2]));
    assert_eq!(
        sent(&host),
        [from_gateway::Kind::Applied(TokensApplied { version: 1 })]
    );
    receive(&host, &mut meter, tokens(2, true, true, &[3]));
    let there: Vec<bool> = [1u8, 2, 3]
        .iter()
        .map(|id| host.shared(&token_key(&[*id])).is_some())
        .collect();
    assert_eq!(there, [false, true, true]);
}

#[test]
fn a_delta_adds_and_revokes() {
    let (host, mut meter) = started();
    receive(&host, &mut meter, tokens(1, true, true, &[1]));
    receive(&host, &mut meter, tokens(2, false, true, &[9]));
    assert!(host.shared(&token_key(&[9])).is_some());
    let revoked = Tokens {
        version: 3,
        snapshot: false,
        last: true,
        updates: vec![TokenUpdate {
            hash: vec![9],
            record: None,
        }],
    };
    receive(&host, &mut meter, from_control::Kind::Tokens(revoked));
    assert!(host.shared(&token_key(&[9])).is_none());
}

#[test]
fn usage_is_sent_again_after_a_lost_stream_until_it_is_acknowledged() {
    let (host, mut meter) = started();
    leave(&host, b"event");
    meter.tick(&host);
    let first = usage(sent(&host));
    assert_eq!(first.len(), 1);

    host.set_control_plane_away(true);
    meter.closed(1);
    leave(&host, b"later");
    ticks(&host, &mut meter, BACK_OFF_FIRST_TICKS + 1);
    assert_eq!(usage(sent(&host)), []);

    host.set_control_plane_away(false);
    ticks(&host, &mut meter, BACK_OFF_LAST_TICKS);
    let again = usage(sent(&host));
    assert_eq!(again[0].events, [b"event".to_vec(), b"later".to_vec()]);

    let sequence = again[0].sequence;
    receive(
        &host,
        &mut meter,
        from_control::Kind::Ack(UsageAck { sequence }),
    );
    meter.closed(2);
    ticks(&host, &mut meter, BACK_OFF_LAST_TICKS);
    assert_eq!(usage(sent(&host)), []);
}

#[test]
fn a_flush_is_answered_when_everything_is_booked() {
    let (host, mut meter) = started();
    receive(
        &host,
        &mut meter,
        from_control::Kind::Flush(Flush { nonce: 7 }),
    );
    leave(&host, b"late");
    ticks(&host, &mut meter, FLUSH_TICKS + 1);
    let batches = usage(sent(&host));
    assert_eq!(batches[0].events, [b"late".to_vec()]);
    let sequence = batches[0].sequence;
    receive(
        &host,
        &mut meter,
        from_control::Kind::Ack(UsageAck { sequence }),
    );
    assert_eq!(
        sent(&host),
        [from_gateway::Kind::Flushed(Flushed { nonce: 7 })]
    );
}

#[test]
fn a_stream_on_which_nothing_comes_is_given_up() {
    let (host, mut meter) = started();
    ticks(&host, &mut meter, FIRST_MESSAGE_TICKS + 1);
    ticks(&host, &mut meter, BACK_OFF_LAST_TICKS);
    assert!(matches!(
        sent(&host).as_slice(),
        [from_gateway::Kind::Hello(_), from_gateway::Kind::Leases(_)]
    ));
}

#[test]
fn leases_are_given_back_as_far_as_no_call_uses_them() {
    let (host, mut meter) = started();
    let mut account = Account::default();
    let granted = Lease {
        id: 4,
        granted: 100,
        ..Lease::default()
    };
    account.apply(&granted, 0);
    account.reserve(30, 0).unwrap();
    host.set_shared("b/q5", Some(&account.write())).unwrap();
    let named = |budget: &str, id| Lease {
        budget: budget.into(),
        id,
        ..Lease::default()
    };
    let recalled = Leases {
        leases: vec![named("q5", 4), named("q6", 9)],
        ..Leases::default()
    };
    for _ in 0..2 {
        // The second time, as after a lost stream, it says the same.
        receive(
            &host,
            &mut meter,
            from_control::Kind::Recall(recalled.clone()),
        );
        let kinds = sent(&host);
        let [from_gateway::Kind::Leases(held)] = kinds.as_slice() else {
            panic!("{kinds:?}")
        };
        let holder = host.shared(HOLDER_KEY).unwrap();
        assert_eq!(held.holder.as_bytes(), holder);
        let reported = Lease {
            granted: 100,
            returned: 70,
            ..named("q5", 4)
        };
        assert_eq!(held.leases, [reported, named("q6", 9)]);
    }
    assert!(host.shared("b/q6").is_none(), "nothing to write down");
}

#[test]
fn a_message_that_cannot_be_read_is_logged_and_survived() {
    let (host, mut meter) = started();
    host.put_received(b"\xff\xff\xff");
    meter.receive(&host, 3);
    assert!(host.logged().contains("unreadable"));
}

#[test]
fn responses_leave_at_once_and_stay_until_they_are_acknowledged() {
    let host = MockHost::new();
    let mut meter = Meter::new("node-1".into(), Some("secret".into()));
    meter.start(&host);
    sent(&host);
    assert_eq!(host.shared(NODE_TOKEN_KEY).unwrap(), b"Bearer secret");
    let leave = |text: &[u8]| {
        let bundle = UsageBatch {
            responses: vec![text.to_vec()],
            ..UsageBatch::default()
        };
        host.enqueue("", &bundle.encode_to_vec()).unwrap();
    };
    let responses = || -> Vec<UsageBatch> {
        let only = |kind| match kind {
            from_gateway::Kind::Responses(batch) => Some(batch),
            _ => None,
        };
        sent(&host).into_iter().filter_map(only).collect()
    };
    leave(b"one");
    meter.queue_ready(&host);
    let first = responses();
    assert_eq!(first.len(), 1);
    assert_eq!(
        (first[0].sequence, &first[0].events),
        (1, &vec![b"one".to_vec()])
    );

    // A flush waits for it; usage that is acknowledged changes nothing.
    receive(
        &host,
        &mut meter,
        from_control::Kind::Ack(UsageAck { sequence: 1 }),
    );
    receive(
        &host,
        &mut meter,
        from_control::Kind::Flush(Flush { nonce: 7 }),
    );
    ticks(&host, &mut meter, FLUSH_TICKS + 1);
    assert!(sent(&host).is_empty());

    // The control plane restarts.
    meter.closed(1);
    ticks(&host, &mut meter, BACK_OFF_FIRST_TICKS + 1);
    let again = responses();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].events, first[0].events);
    let ack = UsageAck {
        sequence: again[0].sequence,
    };
    receive(&host, &mut meter, from_control::Kind::ResponsesAck(ack));
    receive(
        &host,
        &mut meter,
        from_control::Kind::Flush(Flush { nonce: 8 }),
    );
    ticks(&host, &mut meter, FLUSH_TICKS + 1);
    assert_eq!(
        sent(&host),
        [from_gateway::Kind::Flushed(Flushed { nonce: 8 })]
    );
}

#[test]
fn workers_are_told_the_gateways_part_of_limits() {
    let (host, mut meter) = started();
    let share = Share {
        nodes: 3,
        index: 2,
        is_counted_together: true,
    };
    receive(&host, &mut meter, from_control::Kind::Share(share));
    let told = host.shared(SHARE_KEY).unwrap();
    assert_eq!(Share::decode(told.as_slice()), Ok(share));
}

#[test]
fn what_workers_lost_is_counted_with_what_is_lost_here() {
    let (host, mut meter) = started();
    for lost in [3, 0, 4] {
        let bundle = UsageBatch {
            events: vec![b"event".to_vec()],
            dropped_events: lost,
            ..UsageBatch::default()
        };
        host.enqueue("", &bundle.encode_to_vec()).unwrap();
    }
    meter.tick(&host);
    let told = usage(sent(&host));
    assert_eq!(told.last().map(|batch| batch.dropped_events), Some(7));
}
