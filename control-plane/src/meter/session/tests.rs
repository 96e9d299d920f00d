//! A session against a gateway that is played here, over a real store.

use prost::Message;
use tollgate_config::leases::Lease;
use tollgate_config::meter::{Flushed, TokensApplied, UsageEvent};

use super::*;
use crate::domain::TokenPatch;
use crate::gateways::Registry;
use crate::ledger::Ledger;
use crate::responses::Responses;
use crate::secrets::KeyRing;
use crate::store::Held;
use crate::store::testing::on_each_database;
use tokio_stream::wrappers::ReceiverStream;

struct Gateway {
    to_control: mpsc::Sender<Result<FromGateway, Status>>,
    from_control: mpsc::Receiver<Result<FromControl, Status>>,
}

struct World {
    store: Store,
    meter: Meter,
    registry: Registry,
    _folder: Option<tempfile::TempDir>,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.db");
    let store = Store::connect(file.to_str().unwrap(), KeyRing::random())
        .await
        .unwrap();
    World {
        _folder: Some(folder),
        ..world_of(store)
    }
}

/// A control plane on a database.
fn world_of(store: Store) -> World {
    let registry = Registry::new();
    let responses = Responses::new(store.clone(), Duration::from_secs(60));
    let ledger = Ledger::new(store.clone());
    let leases = crate::leases::Leases::new(store.clone());
    let meter = Meter::new(store.clone(), ledger, registry.clone(), responses, leases);
    World {
        store,
        meter,
        registry,
        _folder: None,
    }
}

impl World {
    async fn connect(&self, node: &str) -> Gateway {
        let (to_control, inbound) = mpsc::channel(8);
        let (outbound, from_control) = mpsc::channel(8);
        tokio::spawn(serve(
            self.meter.clone(),
            ReceiverStream::new(inbound),
            outbound,
        ));
        let gateway = Gateway {
            to_control,
            from_control,
        };
        let hello = Hello {
            node: node.into(),
            dropped_events: 3,
        };
        gateway.say(from_gateway::Kind::Hello(hello)).await;
        gateway
    }
}

impl Gateway {
    async fn say(&self, kind: from_gateway::Kind) {
        self.to_control
            .send(Ok(FromGateway { kind: Some(kind) }))
            .await
            .expect("open");
    }

    async fn hear(&mut self) -> from_control::Kind {
        self.from_control
            .recv()
            .await
            .expect("open")
            .expect("no error")
            .kind
            .expect("a kind")
    }

    async fn tokens(&mut self) -> tollgate_config::meter::Tokens {
        match self.hear().await {
            from_control::Kind::Tokens(tokens) => tokens,
            other => panic!("{other:?}"),
        }
    }
}

fn usage(sequence: u64, id: &str) -> from_gateway::Kind {
    let event = UsageEvent {
        id: id.into(),
        started_unix_ms: 1,
        ..UsageEvent::default()
    };
    let events = vec![event.encode_to_vec(), b"\xff".to_vec()];
    from_gateway::Kind::Usage(UsageBatch {
        sequence,
        events,
        dropped_events: 4,
        ..UsageBatch::default()
    })
}

#[tokio::test]
async fn a_gateway_gets_all_tokens_and_then_what_changes() {
    let world = world().await;
    let mut gateway = world.connect("n").await;
    let snapshot = gateway.tokens().await;
    assert!(snapshot.snapshot && snapshot.last && snapshot.updates.is_empty());
    gateway
        .say(from_gateway::Kind::Applied(TokensApplied {
            version: snapshot.version,
        }))
        .await;

    let new = TokenPatch {
        name: Some("a".into()),
        ..TokenPatch::default()
    };
    world
        .store
        .create_token("g", new, true, false)
        .await
        .unwrap();
    let change = gateway.tokens().await;
    assert!(!change.snapshot && change.last && change.version > snapshot.version);
    let record = change.updates[0].record.as_ref().expect("a record");
    assert_eq!((record.name.as_str(), record.group.as_str()), ("a", "g"));

    world.store.delete_tokens(&[record.id], None).await.unwrap();
    let change = gateway.tokens().await;
    assert!(change.updates[0].record.is_none(), "revoked");

    let mut changes = world.registry.changes();
    changes
        .wait_for(|_| {
            let gateways = world.registry.gateways();
            gateways["n"]
                .meter
                .as_ref()
                .is_some_and(|it| it.tokens_applied == snapshot.version)
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn usage_is_acknowledged_when_it_is_booked_and_booked_once() {
    let world = world().await;
    let mut first = world.connect("n").await;
    first.tokens().await;
    first.say(usage(1, "e1")).await;
    assert_eq!(
        first.hear().await,
        from_control::Kind::Ack(UsageAck { sequence: 1 })
    );
    drop(first);

    // It did not see the acknowledgement, and sends the batch again.
    let mut second = world.connect("n").await;
    second.tokens().await;
    second.say(usage(1, "e1")).await;
    assert_eq!(
        second.hear().await,
        from_control::Kind::Ack(UsageAck { sequence: 1 })
    );
    let event = UsageEvent {
        id: "e1".into(),
        ..UsageEvent::default()
    };
    let third = Ledger::new(world.store.clone())
        .book("n", vec![event])
        .await
        .unwrap();
    assert_eq!((third.new, third.repeated), (0, 1));
}

#[tokio::test]
async fn a_flush_ends_when_everything_before_it_is_booked() {
    let world = world().await;
    let mut gateway = world.connect("n").await;
    gateway.tokens().await;
    let flush = tokio::spawn({
        let meter = world.meter.clone();
        async move { meter.flush().await }
    });
    let from_control::Kind::Flush(Flush { nonce }) = gateway.hear().await else {
        panic!("no flush")
    };
    gateway.say(usage(1, "e1")).await;
    assert_eq!(
        gateway.hear().await,
        from_control::Kind::Ack(UsageAck { sequence: 1 })
    );
    assert!(!flush.is_finished());
    gateway
        .say(from_gateway::Kind::Flushed(Flushed { nonce }))
        .await;
    flush.await.unwrap();
}

#[tokio::test]
async fn who_does_not_say_who_it_is_is_sent_away() {
    let world = world().await;
    let (to_control, inbound) = mpsc::channel(8);
    let (outbound, _from_control) = mpsc::channel(8);
    let message = FromGateway {
        kind: Some(usage(1, "e1")),
    };
    to_control.send(Ok(message)).await.unwrap();
    let ended = serve(world.meter.clone(), ReceiverStream::new(inbound), outbound).await;
    assert_eq!(
        ended.map_err(|status| status.code()),
        Err(tonic::Code::InvalidArgument)
    );
}

#[tokio::test]
async fn a_response_is_acknowledged_when_it_is_kept() {
    let world = world().await;
    world
        .store
        .create_group("g", crate::domain::GroupPatch::default())
        .await
        .unwrap();
    let mut gateway = world.connect("n").await;
    gateway.tokens().await;
    let id = tollgate_config::responses::id("00000000000100000000000000000000");
    let stored = Stored {
        id: id.clone(),
        group: "g".into(),
        input: "[]".into(),
        response: r#"{"output":[]}"#.into(),
        ..Stored::default()
    };
    let batch = UsageBatch {
        sequence: 4,
        events: vec![b"\xff".to_vec(), stored.encode_to_vec()],
        ..UsageBatch::default()
    };
    gateway.say(from_gateway::Kind::Responses(batch)).await;
    assert_eq!(
        gateway.hear().await,
        from_control::Kind::ResponsesAck(UsageAck { sequence: 4 })
    );
    let kept = world.store.response("g", &id, 0).await.unwrap();
    assert_eq!(kept, stored.response);
}

/// A token with a quota, all of which `holder` has; gives the token's id and the lease.
async fn leased(world: &World, holder: &str) -> (i64, Lease) {
    let new = TokenPatch {
        name: Some("a".into()),
        quota: Some(tollgate_policy::price::NanoUsd(100)),
        ..TokenPatch::default()
    };
    let made = world.store.create_token("g", new, true, false).await;
    let crate::store::Created::New(token, _) = made.unwrap() else {
        panic!("it exists")
    };
    let need = Lease {
        budget: format!("q{}", token.id),
        need: 100,
        ..Lease::default()
    };
    let question = Leases {
        holder: holder.into(),
        leases: vec![need],
    };
    let told = world.meter.0.leases.ask(question).await.unwrap();
    (token.id, told.leases[0].clone())
}

/// A gateway of which the control plane knows that it is this holder.
async fn connected(world: &World, holder: &str) -> Gateway {
    let mut gateway = world.connect("n").await;
    gateway.tokens().await;
    let here = Leases {
        holder: holder.into(),
        leases: Vec::new(),
    };
    gateway.say(from_gateway::Kind::Leases(here)).await;
    // Booked in order, so the session has read what came before.
    gateway.say(usage(1, "e1")).await;
    gateway.hear().await;
    gateway
}

#[tokio::test]
async fn what_somebody_at_another_control_plane_waits_for_is_called_back() {
    on_each_database(async |database| {
        if !database.is_shared() {
            return;
        }
        let world = world_of(database.open().await);
        let other = world_of(database.open().await);
        let listening = tokio::spawn(world.meter.0.leases.clone().run());
        let (_, lease) = leased(&world, "h").await;
        let mut gateway = connected(&world, "h").await;
        let question = Leases {
            holder: "other".into(),
            leases: vec![Lease {
                budget: lease.budget.clone(),
                need: 60,
                ..Lease::default()
            }],
        };
        // Nothing is at this one's gateways.
        let told = other.meter.0.leases.ask(question.clone()).await.unwrap();
        assert_eq!(told.leases[0].granted, 0);
        let from_control::Kind::Recall(recalled) = gateway.hear().await else {
            panic!("no recall")
        };
        assert_eq!(recalled.leases[0].id, lease.id);
        let report = Leases {
            holder: "h".into(),
            leases: vec![Lease {
                returned: 70,
                ..lease
            }],
        };
        gateway.say(from_gateway::Kind::Leases(report)).await;
        gateway.say(usage(2, "e2")).await;
        // It may have been called more than once.
        while matches!(gateway.hear().await, from_control::Kind::Recall(_)) {}
        let told = other.meter.0.leases.ask(question).await.unwrap();
        assert_eq!(told.leases[0].granted, 60);
        let holders = ["h".to_owned()];
        let wanted = world.store.wanted_leases(&holders).await.unwrap();
        assert_eq!(wanted, [], "it has answered");
        listening.abort();
    })
    .await;
}

#[tokio::test]
async fn a_session_that_missed_recalls_calls_back_everything() {
    let world = world().await;
    let (_, lease) = leased(&world, "h").await;
    let mut gateway = connected(&world, "h").await;
    let recall = |id| {
        let held = Held {
            holder: "h".into(),
            lease: Lease {
                id,
                ..Lease::default()
            },
        };
        world.meter.0.leases.recall(vec![held]);
    };
    // The one that counts comes first of more than are kept, none of which the session has read.
    recall(lease.id);
    for junk in 0..1_000 {
        recall(1_000_000 + junk);
    }
    let mut heard = Vec::new();
    while !heard.contains(&lease.id) {
        let next = tokio::time::timeout(Duration::from_secs(20), gateway.hear());
        if let from_control::Kind::Recall(recalled) = next.await.expect("it is called back") {
            heard.extend(recalled.leases.iter().map(|lease| lease.id));
        }
    }
}

#[tokio::test]
async fn a_changed_quota_calls_back_what_is_out() {
    let world = world().await;
    let (id, lease) = leased(&world, "h").await;
    let mut gateway = connected(&world, "h").await;

    let less = TokenPatch {
        quota: Some(tollgate_policy::price::NanoUsd(50)),
        ..TokenPatch::default()
    };
    world.store.update_token(id, None, less).await.unwrap();
    gateway.tokens().await;
    let from_control::Kind::Recall(recalled) = gateway.hear().await else {
        panic!("no recall")
    };
    assert_eq!(recalled.leases[0].id, lease.id);

    let report = Leases {
        holder: "h".into(),
        leases: vec![Lease {
            returned: 70,
            ..lease.clone()
        }],
    };
    gateway.say(from_gateway::Kind::Leases(report)).await;
    gateway.say(usage(2, "e2")).await;
    gateway.hear().await;
    let question = Leases {
        holder: "other".into(),
        leases: vec![Lease {
            need: 100,
            id: 0,
            granted: 0,
            ..lease
        }],
    };
    let told = world.meter.0.leases.ask(question).await.unwrap();
    assert_eq!(told.leases[0].granted, 50 - 30);
}
