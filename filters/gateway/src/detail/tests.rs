//! Which bodies leave a worker, and how much of them.

use tollgate_config::detail::Details;
use tollgate_config::meter::UsageBatch;
use tollgate_config::{GatewayConfig, OwnDetails};
use tollgate_host::mock::MockHost;

use super::*;
use crate::fixture;
use crate::state;

const NOTHING: Details = Details {
    all: false,
    errors: false,
    request_bytes: 8,
    response_bytes: 8,
};
const ERRORS: Details = Details {
    errors: true,
    ..NOTHING
};
const ALL: Details = Details {
    all: true,
    ..NOTHING
};

/// A host with these wishes, of all models and of model `m`.
fn host(all: Option<Details>, own: Option<Details>) -> MockHost {
    let host = fixture::host(vec![fixture::channel(1, "openai-chat")]);
    let mut config = GatewayConfig {
        details: all,
        ..state::active().unwrap().config.clone()
    };
    config.models[0].details = own;
    state::activate(config).unwrap();
    host
}

/// A call that ended with this status: what is kept of it.
fn kept(host: &MockHost, request: &[u8], response: &[&[u8]], status: u32) -> Option<Detail> {
    let mut stream = Stream::new("id".into(), 0, state::active());
    host.put_body(Body::Request, request);
    take_request(host, &mut stream, request.len());
    for piece in response {
        host.put_body(Body::Response, piece);
        take_response(host, &mut stream, piece.len());
    }
    let mut event = UsageEvent {
        id: "id".into(),
        group: "g".into(),
        model: "m".into(),
        status,
        ..UsageEvent::default()
    };
    event.set_outcome(match status {
        200 => Outcome::Success,
        _ => Outcome::Failed,
    });
    settle(host, &mut stream, &event);
    let mut queue = host.take_queue().into_iter();
    let bundle = UsageBatch::decode(queue.next()?.as_slice()).unwrap();
    assert!(queue.next().is_none() && bundle.events.is_empty());
    Some(Detail::decode(bundle.details[0].as_slice()).unwrap())
}

#[test]
fn only_what_is_wanted_leaves() {
    for (all, own, status, wanted) in [
        (None, None, 500, None),
        (Some(NOTHING), None, 500, None),
        (Some(ERRORS), None, 200, None),
        (Some(ERRORS), None, 429, None),
        (Some(ERRORS), None, 500, Some("in")),
        // What the caller sent was not the reason.
        (Some(ERRORS), None, 404, Some("")),
        (Some(ALL), None, 404, Some("in")),
        (Some(ALL), None, 200, Some("in")),
        (Some(NOTHING), Some(ALL), 200, Some("in")),
        (Some(ALL), Some(NOTHING), 200, None),
    ] {
        let host = host(all, own);
        let kept = kept(&host, b"in", &[b"out"], status);
        let request = kept.as_ref().map(|it| it.request.as_slice());
        assert_eq!(
            request,
            wanted.map(str::as_bytes),
            "{all:?} {own:?} {status}"
        );
        if let Some(kept) = kept {
            assert_eq!((kept.id.as_str(), kept.group.as_str()), ("id", "g"));
            assert_eq!(kept.response, b"out");
            assert!(!kept.request_truncated && !kept.response_truncated);
        }
    }
}

#[test]
fn a_body_is_held_up_to_its_bound_and_no_further() {
    let host = host(Some(ALL), None);
    let kept = kept(&host, b"0123456789", &[b"01234", b"56789", b"x"], 200).unwrap();
    assert_eq!(
        (kept.request.as_slice(), kept.request_truncated),
        (&b"01234567"[..], true)
    );
    assert_eq!(
        (kept.response.as_slice(), kept.response_truncated),
        (&b"01234567"[..], true)
    );
}

#[test]
fn no_configuration_makes_a_request_hold_more_than_the_bound() {
    let endless = Details {
        request_bytes: u32::MAX,
        response_bytes: u32::MAX,
        ..ALL
    };
    let host = host(Some(endless), None);
    let bound = usize::try_from(BODY_BYTES_MAX).unwrap();
    let large = vec![b'x'; bound + 1];
    let kept = kept(&host, &large, &[&large, &large], 200).unwrap();
    assert_eq!((kept.request.len(), kept.response.len()), (bound, bound));
    assert!(kept.request_truncated && kept.response_truncated);
}

#[test]
fn a_group_s_own_wish_comes_before_the_model_s() {
    for (group, model, own, wanted) in [
        ("g", "m", ALL, true),
        ("g", "M", ALL, true),
        ("g", "m", NOTHING, false),
        ("other", "m", ALL, false),
        ("g", "other", ALL, false),
    ] {
        let host = host(Some(NOTHING), Some(ERRORS));
        let own = OwnDetails {
            group: group.into(),
            model: model.into(),
            details: own,
        };
        let config = GatewayConfig {
            own_details: vec![own],
            ..state::active().unwrap().config.clone()
        };
        state::activate(config).unwrap();
        let kept = kept(&host, b"in", &[b"out"], 200);
        assert_eq!(kept.is_some(), wanted, "{group} {model}");
    }
}

#[test]
fn a_model_s_smaller_bound_holds() {
    let own = Details {
        request_bytes: 1,
        response_bytes: 0,
        ..ALL
    };
    let host = host(Some(NOTHING), Some(own));
    let kept = kept(&host, b"in", &[b"out"], 200).unwrap();
    assert_eq!(
        (kept.request.as_slice(), kept.request_truncated),
        (&b"i"[..], true)
    );
    assert_eq!(
        (kept.response.as_slice(), kept.response_truncated),
        (&b""[..], true)
    );
}
