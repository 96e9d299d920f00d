//! `/api/channel/:id/test…`, `/api/channels/test` and `/api/channel/test-preview…`.
//!
//! A test is a tiny real call through a gateway; see [`crate::probes`]. Whoever hangs up takes back
//! what has not been asked yet, and what is under way.

mod run;
mod subject;
mod view;

use axum::extract::State as Extract;
use tollgate_config::names::of_model;

use self::run::{alone, many};
use self::subject::{subjects, unsaved};
use self::view::Lines;
pub(super) use self::view::{View, views_of};
use crate::admin::answer::Reply;
use crate::admin::body::Body;
use crate::admin::params::{Params, Segments};
use crate::admin::routes::{Routes, get, post};
use crate::admin::{ApiError, State, rules};
use crate::probes::ProbeError;

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/channels/test", get(all))
        .route("/channel/{id}/test", get(whole))
        .route("/channel/{id}/test/", get(whole))
        .route("/channel/{id}/test/{*model}", get(one))
        .route("/channel/test-preview", post(preview))
        .route("/channel/test-preview-all", post(preview_all))
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
    let model = of_model(&channel.models, path.text("model"), String::as_str).cloned();
    let Some(model) = model else {
        return Err(ApiError::field("model", "is none of the channel's models"));
    };
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
