//! How tests are shown.

use std::collections::HashMap;

use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::Wanted;
use crate::admin::ApiError;
use crate::admin::answer::{Answer, Described};
use crate::domain::{Channel, ChannelTest, PublishedChannel};
use crate::probes::ProbeError;
use crate::store::Store;

/// How a test went, in AI Proxy's fields.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ChannelTest")]
pub(in crate::admin::channels) struct View {
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
pub(super) struct Line {
    /// The call was made; how it went stands in `data`.
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<View>,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

/// A test of many.
pub(super) enum Lines {
    Together(Answer<Vec<Line>>),
    /// Each as an event.
    AsTheyCome(Response),
}

/// The tests of these channels, as they are shown with them.
pub(in crate::admin::channels) async fn views_of(
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
    pub(super) fn new(channel: &PublishedChannel, mut test: ChannelTest, with_body: bool) -> Self {
        if test.success && !with_body {
            test.response.clear();
        }
        Self::of(channel.name.clone(), channel.kind, test)
    }

    /// When it was, if it went wrong.
    pub(in crate::admin::channels) fn failed_at(&self) -> Option<i64> {
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
    pub(super) fn new(
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
