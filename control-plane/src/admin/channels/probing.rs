//! `/api/channel/:id/test…`, `/api/channels/test` and `/api/channel/test-preview…`.
//!
//! A test is a tiny real call through a gateway; see [`crate::probes`]. Whoever hangs up takes back
//! what has not been asked yet, and what is under way.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State as Extract;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};

use super::form;
use crate::admin::answer::{Answer, Described, Reply, data};
use crate::admin::body::Body;
use crate::admin::fields::Fields;
use crate::admin::params::{Params, Segments};
use crate::admin::routes::{Routes, get, post};
use crate::admin::{ApiError, State, rules};
use crate::domain::{
    BaseUrl, Channel, ChannelPatch, ChannelTest, DEFAULT_PRIORITY, PublishedChannel, TestKind,
    now_unix_ms,
};
use crate::probes::{ProbeError, Probes};
use crate::store::Store;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/channels/test", get(all))
        .route("/channel/{id}/test", get(whole))
        .route("/channel/{id}/test/", get(whole))
        .route("/channel/{id}/test/{*model}", get(one))
        .route("/channel/test-preview", post(preview))
        .route("/channel/test-preview-all", post(preview_all))
}

/// Models of one channel that are tested at the same time, so that no provider takes a test for an
/// attack.
const AT_ONCE: usize = 4;

/// Models that one channel is tested with at most.
const MAX_MODELS: usize = 1000;

/// How a test went, in AI Proxy's fields.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ChannelTest")]
pub(super) struct View {
    /// Unix milliseconds.
    test_at: i64,
    model: String,
    actual_model: String,
    response: String,
    channel_name: String,
    channel_type: i64,
    channel_id: i64,
    /// Seconds.
    took: f64,
    success: bool,
    mode: i64,
    code: i64,
}

/// One line of a test of many.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChannelTestLine")]
struct Line {
    /// The call was made; how it went stands in `data`.
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<View>,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

/// A test of many.
enum Lines {
    Together(Answer<Vec<Line>>),
    /// Each as an event.
    AsTheyCome(Response),
}

/// A channel on its way through a test.
#[derive(Debug, Clone)]
struct Subject {
    channel: PublishedChannel,
    /// It stands in the database, and its tests are to be kept there.
    saved: bool,
    /// Gateways have it.
    served: bool,
    /// What to ask for, by model; models of kinds that have no test are left out.
    models: Vec<(String, TestKind)>,
}

/// What is wanted to be seen of many tests.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    /// Those too that went well.
    successes: bool,
    /// And what they answered.
    bodies: bool,
    /// As they come.
    stream: bool,
}

/// Tests one model of a channel by a tiny real call.
async fn one(Extract(state): Extract<State>, path: Segments, params: Params) -> Reply<View> {
    let channel = state.store.channel(path.id()?).await?;
    let model = path.text("model").to_owned();
    if !channel.models.contains(&model) {
        return Err(ApiError::field("model", "is none of the channel's models"));
    }
    let mut subjects = subjects(&state.store, vec![channel], Some(&model)).await?;
    let subject = subjects.pop().ok_or(ApiError::Internal)?;
    alone(&state, subject, params.flag("success_body")?).await
}

/// Tests all models of a channel.
async fn whole(
    Extract(state): Extract<State>,
    path: Segments,
    params: Params,
) -> Result<Lines, ApiError> {
    let wanted = Wanted::read(&params)?;
    let channel = state.store.channel(path.id()?).await?;
    many(
        &state,
        subjects(&state.store, vec![channel], None).await?,
        wanted,
    )
    .await
}

/// Tests all models of all channels by tiny real calls. With `stream` each result is sent as it
/// comes; what went well is left out without `return_success`.
async fn all(Extract(state): Extract<State>, params: Params) -> Result<Lines, ApiError> {
    let wanted = Wanted::read(&params)?;
    let disabled = params.flag("test_disabled")?;
    let mut channels = state.store.all_channels().await?;
    channels.retain(|channel| disabled || channel.status.is_enabled());
    many(
        &state,
        subjects(&state.store, channels, None).await?,
        wanted,
    )
    .await
}

/// Tests one model of a channel that is not saved.
async fn preview(Extract(state): Extract<State>, params: Params, body: Body) -> Reply<View> {
    let mut fields = body.object()?;
    let model = fields.line("model", rules::MAX_MODEL)?;
    let model = model.ok_or_else(|| ApiError::field("model", "is required"))?;
    rules::name("model", &model, rules::MAX_MODEL)?;
    let subject = unsaved(&state.store, fields, Some(model)).await?;
    alone(&state, subject, params.flag("success_body")?).await
}

/// Tests all models of a channel that is not saved.
async fn preview_all(
    Extract(state): Extract<State>,
    params: Params,
    body: Body,
) -> Result<Lines, ApiError> {
    let wanted = Wanted::read(&params)?;
    let subject = unsaved(&state.store, body.object()?, None).await?;
    many(&state, vec![subject], wanted).await
}

/// Tests the only model of a channel.
async fn alone(state: &State, subject: Subject, with_body: bool) -> Reply<View> {
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
async fn many(state: &State, subjects: Vec<Subject>, wanted: Wanted) -> Result<Lines, ApiError> {
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

/// Channels of the database with what is to be tested of them: one model, or all.
async fn subjects(
    store: &Store,
    channels: Vec<Channel>,
    only: Option<&String>,
) -> Result<Vec<Subject>, ApiError> {
    let ids: Vec<i64> = channels.iter().map(|channel| channel.id).collect();
    let served: BTreeMap<i64, bool> = channels
        .iter()
        .map(|channel| (channel.id, channel.status.is_enabled()))
        .collect();
    let mut subjects = Vec::new();
    for channel in store.channels_with_keys(&ids).await? {
        let models = match only {
            Some(model) => vec![model.clone()],
            None => channel.models.clone(),
        };
        subjects.push(Subject {
            saved: true,
            served: served.get(&channel.id).copied().unwrap_or_default(),
            models: kinds(store, models).await?,
            channel,
        });
    }
    Ok(subjects)
}

/// A channel as a form describes it.
async fn unsaved(
    store: &Store,
    mut fields: Fields,
    only: Option<String>,
) -> Result<Subject, ApiError> {
    let patch = form::read(&mut fields, &mut Vec::new())?;
    fields.finish()?;
    let patch = form::complete(patch)?;
    let key = patch.key.clone().unwrap_or_default();
    if key.expose().contains('\n') {
        return Err(ApiError::field("key", "must be one line for a test"));
    }
    let own_address = patch.base_url.as_ref().is_some_and(Option::is_some);
    let configs = patch.configs.clone().unwrap_or_default();
    form::check_configs(
        patch.kind.unwrap_or_default(),
        &configs,
        own_address,
        Some(&key),
    )?;
    let mut channel = published(patch);
    if let Some(model) = only {
        channel.models = vec![model];
    }
    if channel.models.is_empty() || channel.models.len() > MAX_MODELS {
        let rule = format!("must name 1 to {MAX_MODELS} models");
        return Err(ApiError::field("models", rule));
    }
    Ok(Subject {
        models: kinds(store, channel.models.clone()).await?,
        channel,
        saved: false,
        served: false,
    })
}

fn published(patch: ChannelPatch) -> PublishedChannel {
    let base_url: Option<BaseUrl> = patch.base_url.flatten();
    PublishedChannel {
        id: 0,
        name: patch.name.unwrap_or_default(),
        kind: patch.kind.unwrap_or_default(),
        base_url,
        key: patch.key.unwrap_or_default(),
        models: patch.models.unwrap_or_default(),
        model_mapping: patch.model_mapping.unwrap_or_default(),
        configs: patch.configs.unwrap_or_default(),
        sets: Vec::new(),
        priority: patch.priority.unwrap_or(DEFAULT_PRIORITY),
        skip_tls_verify: patch.skip_tls_verify.unwrap_or_default(),
    }
}

/// What to ask each of these models for.
async fn kinds(store: &Store, models: Vec<String>) -> Result<Vec<(String, TestKind)>, ApiError> {
    let configs = store.model_configs_of(&models).await?;
    let configs: HashMap<_, _> = configs
        .iter()
        .map(|config| (config.model.as_str(), config))
        .collect();
    let kind = |model: String| {
        let kind = TestKind::of(&model, configs.get(model.as_str()).copied())?;
        Some((model, kind))
    };
    Ok(models.into_iter().filter_map(kind).collect())
}

/// The tests of these channels, as they are shown with them.
pub(super) async fn views_of(
    store: &Store,
    channels: &[Channel],
) -> Result<HashMap<i64, Vec<View>>, ApiError> {
    let ids: Vec<i64> = channels.iter().map(|channel| channel.id).collect();
    let mut tests = store.channel_tests(&ids).await?;
    let view = |channel: &Channel| {
        let tests = tests.remove(&channel.id).unwrap_or_default();
        let tests = tests
            .into_iter()
            .map(|test| View::of(channel.name.clone(), channel.kind, test));
        (channel.id, tests.collect())
    };
    Ok(channels.iter().map(view).collect())
}

// === impl View ===

impl View {
    fn of(channel_name: String, channel_type: i64, test: ChannelTest) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of one call")]
        let took = test.took_ms as f64 / 1000.0;
        Self {
            test_at: test.test_at_ms,
            model: test.model,
            actual_model: test.actual_model,
            response: test.response,
            channel_name,
            channel_type,
            channel_id: test.channel_id,
            took,
            success: test.success,
            mode: test.kind.number(),
            code: test.code,
        }
    }

    /// Without what a model answered well, unless that is wanted.
    fn new(channel: &PublishedChannel, mut test: ChannelTest, with_body: bool) -> Self {
        if test.success && !with_body {
            test.response.clear();
        }
        Self::of(channel.name.clone(), channel.kind, test)
    }

    /// When it was, if it went wrong.
    pub(super) fn failed_at(&self) -> Option<i64> {
        (!self.success).then_some(self.test_at)
    }
}

// === impl Lines ===

impl IntoResponse for Lines {
    fn into_response(self) -> Response {
        match self {
            Self::Together(lines) => lines.into_response(),
            Self::AsTheyCome(events) => events,
        }
    }
}

impl Described for Lines {
    fn contents(schemas: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        let mut contents = Answer::<Vec<Line>>::contents(schemas);
        contents.push(("text/event-stream", json_schema!({ "type": "string" })));
        contents
    }
}

// === impl Line ===

impl Line {
    /// `None`: it went well, and that is not wanted.
    fn new(
        channel: &PublishedChannel,
        model: &str,
        tested: Result<ChannelTest, ProbeError>,
        wanted: Wanted,
    ) -> Option<Self> {
        match tested {
            Ok(test) if test.success && !wanted.successes => None,
            Ok(test) => Some(Self {
                success: true,
                data: Some(View::new(channel, test, wanted.bodies)),
                message: String::new(),
            }),
            Err(error) => Some(Self {
                success: false,
                data: None,
                message: format!("{} ({}), model {model}: {error}", channel.name, channel.id),
            }),
        }
    }
}

// === impl Wanted ===

impl Wanted {
    fn read(params: &Params) -> Result<Self, ApiError> {
        Ok(Self {
            successes: params.flag("return_success")?,
            bodies: params.flag("success_body")?,
            stream: params.flag("stream")?,
        })
    }
}

impl From<ProbeError> for ApiError {
    fn from(error: ProbeError) -> Self {
        Self::NotNow(error.to_string())
    }
}
