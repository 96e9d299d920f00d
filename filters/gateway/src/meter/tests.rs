use tollgate_config::meter::{Flush, TokenRecord, TokenUpdate, Tokens, UsageAck, UsageBatch};
use tollgate_config::names::{READY_KEY, token_key};
use tollgate_host::Host;
use tollgate_host::mock::MockHost;

use super::*;

fn started() -> (MockHost, Meter) {
    let host = MockHost::new();
    let mut meter = Meter::new("node-1".into(), None);
    meter.start(&host);
    assert!(matches!(sent(&host).as_slice(), [from_gateway::Kind::Hello(h)] if h.node == "node-1"));
    (host, meter)
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
    host.enqueue("", b"event").unwrap();
    meter.tick(&host);
    let first = usage(sent(&host));
    assert_eq!(first.len(), 1);

    host.set_control_plane_away(true);
    meter.closed(&host, 1);
    host.enqueue("", b"later").unwrap();
    host.advance_ms(BACK_OFF_FIRST_MS);
    meter.tick(&host);
    assert_eq!(usage(sent(&host)), []);

    host.set_control_plane_away(false);
    host.advance_ms(BACK_OFF_LAST_MS);
    meter.tick(&host);
    let again = usage(sent(&host));
    assert_eq!(again[0].events, [b"event".to_vec(), b"later".to_vec()]);

    let sequence = again[0].sequence;
    receive(
        &host,
        &mut meter,
        from_control::Kind::Ack(UsageAck { sequence }),
    );
    meter.closed(&host, 2);
    host.advance_ms(BACK_OFF_LAST_MS);
    meter.tick(&host);
    assert_eq!(usage(sent(&host)), []);
}

#[test]
fn a_flush_sends_everything_first() {
    let (host, mut meter) = started();
    host.enqueue("", b"event").unwrap();
    receive(
        &host,
        &mut meter,
        from_control::Kind::Flush(Flush { nonce: 7 }),
    );
    let sent = sent(&host);
    assert!(
        matches!(sent.as_slice(), [from_gateway::Kind::Usage(_), from_gateway::Kind::Flushed(f)] if f.nonce == 7)
    );
}

#[test]
fn a_stream_on_which_nothing_comes_is_given_up() {
    let (host, mut meter) = started();
    host.advance_ms(FIRST_MESSAGE_MS + 1);
    meter.tick(&host);
    host.advance_ms(BACK_OFF_LAST_MS);
    meter.tick(&host);
    assert!(matches!(
        sent(&host).as_slice(),
        [from_gateway::Kind::Hello(_)]
    ));
}

#[test]
fn a_message_that_cannot_be_read_is_logged_and_survived() {
    let (host, mut meter) = started();
    host.put_received(b"\xff\xff\xff");
    meter.receive(&host, 3);
    assert!(host.logged().contains("unreadable"));
}
