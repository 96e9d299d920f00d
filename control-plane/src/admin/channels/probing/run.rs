//! Making the calls, a few at a time.

use std::convert::Infallible;
use std::sync::Arc;

use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};

use super::Wanted;
use super::subject::Subject;
use super::view::{Line, Lines, View};
use crate::admin::answer::{Reply, data};
use crate::admin::{ApiError, State};
use crate::domain::{ChannelTest, TestKind, now_unix_ms};
use crate::probes::{ProbeError, Probes};
use crate::store::Store;

/// Models of one channel that are tested at the same time, so that no provider takes a test for an
/// attack.
const AT_ONCE: usize = 4;

/// Tests the only model of a channel.
pub(super) async fn alone(state: &State, subject: Subject, with_body: bool) -> Reply<View> {
    let probes = ready(state)?;
    let Some((model, kind)) = subject.models.first().cloned() else {
        return Err(ApiError::field("model", "is of a type that has no test"));
    };
    let guest = match subject.served {
        true => None,
        false => Some(probes.guests().admit(subject.channel.clone()).await),
    };
    let id = guest.as_ref().map_or(subject.channel.id, |it| it.id());
    let test = test(&state.store, probes, &subject, id, model, kind).await?;
    data(View::new(&subject.channel, test, with_body))
}

/// Tests every model of every channel.
pub(super) async fn many(
    state: &State,
    subjects: Vec<Subject>,
    wanted: Wanted,
) -> Result<Lines, ApiError> {
    let lines = start(state.store.clone(), ready(state)?.clone(), subjects, wanted);
    if wanted.stream {
        let events = lines.map(|line| Event::default().json_data(line).or_else(|_| nothing()));
        let events = Sse::new(events).keep_alive(KeepAlive::default());
        return Ok(Lines::AsTheyCome(events.into_response()));
    }
    data(lines.collect().await).map(Lines::Together)
}

fn nothing() -> Result<Event, Infallible> {
    Ok(Event::default())
}

fn ready(state: &State) -> Result<&Probes, ApiError> {
    let probes = state.probes.as_ref().ok_or(ProbeError::NoGateway)?;
    probes.ready()?;
    Ok(probes)
}

/// Tests go on until all are done, or nobody reads the lines any more.
fn start(
    store: Store,
    probes: Probes,
    subjects: Vec<Subject>,
    wanted: Wanted,
) -> impl Stream<Item = Line> {
    let (sender, receiver) = mpsc::channel(1);
    let unread = sender.clone();
    tokio::spawn(async move {
        let mut channels = JoinSet::new();
        for subject in subjects {
            let channel = channel(
                store.clone(),
                probes.clone(),
                subject,
                wanted,
                sender.clone(),
            );
            channels.spawn(channel);
        }
        drop(sender);
        tokio::select! {
            _ = channels.join_all() => {}
            // What was spawned ends with the set.
            () = unread.closed() => {}
        }
    });
    ReceiverStream::new(receiver)
}

/// Tests one channel's models, a few at a time.
async fn channel(
    store: Store,
    probes: Probes,
    subject: Subject,
    wanted: Wanted,
    sender: mpsc::Sender<Line>,
) {
    let guest = match subject.served {
        true => None,
        false => Some(probes.guests().admit(subject.channel.clone()).await),
    };
    let id = guest.as_ref().map_or(subject.channel.id, |it| it.id());
    let subject = Arc::new(subject);
    let mut tests = JoinSet::new();
    for (model, kind) in subject.models.clone() {
        while tests.len() >= AT_ONCE {
            tests.join_next().await;
        }
        let (store, probes) = (store.clone(), probes.clone());
        let (subject, sender) = (Arc::clone(&subject), sender.clone());
        tests.spawn(async move {
            let tested = test(&store, &probes, &subject, id, model.clone(), kind).await;
            if let Some(line) = Line::new(&subject.channel, &model, tested, wanted) {
                let _ = sender.send(line).await;
            }
        });
    }
    tests.join_all().await;
}

/// Makes one call to the channel that gateways know as `id`, and keeps how it went.
async fn test(
    store: &Store,
    probes: &Probes,
    subject: &Subject,
    id: i64,
    model: String,
    kind: TestKind,
) -> Result<ChannelTest, ProbeError> {
    let channel = &subject.channel;
    let test_at_ms = now_unix_ms();
    let answer = probes.call(id, &channel.key, &model, kind).await?;
    let mapped = channel.model_mapping.get(&model);
    let test = ChannelTest {
        channel_id: channel.id,
        test_at_ms,
        actual_model: mapped.unwrap_or(&model).clone(),
        model,
        response: answer.body,
        took_ms: i64::try_from(answer.took.as_millis()).unwrap_or(i64::MAX),
        success: (200..300).contains(&answer.code),
        kind,
        code: i64::from(answer.code),
    };
    if subject.saved
        && let Err(error) = store.save_channel_test(&test).await
    {
        tracing::warn!(channel = channel.id, %error, "a test of a channel is not kept");
    }
    Ok(test)
}
