//! The HTTP side: `/channel/<id>/v1/…` (`v1beta` for Gemini), so that each channel can have its own behaviour.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::answer::Failure;
use super::events::Step;
use super::{Behaviours, anthropic, gemini, openai, responses};

/// Above what the gateway lets through.
const MAX_BODY_BYTES: usize = 256 << 20;

const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

pub fn router(behaviours: Behaviours) -> Router {
    Router::new()
        .route("/channel/{id}/v1/chat/completions", post(chat_completions))
        .route("/channel/{id}/v1/messages", post(messages))
        .route("/channel/{id}/v1/responses", post(create_response))
        .route("/channel/{id}/v1/models", get(models))
        .route("/channel/{id}/v1beta/models/{call}", post(generate))
        .route("/channel/{id}/v1beta/models", get(gemini_models))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(behaviours)
}

async fn chat_completions(
    State(behaviours): State<Behaviours>,
    Path(channel): Path<i64>,
    body: Bytes,
) -> Response {
    let asked = openai::read(&body)
        .and_then(|(ask, usage)| Ok((ask.stream, usage, ask.answer(behaviours.of(channel))?)));
    match asked {
        Ok((true, include_usage, answer)) => {
            stream(openai::stream(&answer, include_usage), answer.delay_ms)
        }
        Ok((false, _, answer)) => whole(&openai::whole(&answer), answer.delay_ms).await,
        Err(failure) => fail(&failure, &openai::error(&failure)),
    }
}

async fn messages(
    State(behaviours): State<Behaviours>,
    Path(channel): Path<i64>,
    body: Bytes,
) -> Response {
    let asked = anthropic::read(&body)
        .and_then(|ask| Ok((ask.stream, ask.answer(behaviours.of(channel))?)));
    match asked {
        Ok((true, answer)) => stream(anthropic::stream(&answer), answer.delay_ms),
        Ok((false, answer)) => whole(&anthropic::whole(&answer), answer.delay_ms).await,
        Err(failure) => fail(&failure, &anthropic::error(&failure)),
    }
}

async fn create_response(
    State(behaviours): State<Behaviours>,
    Path(channel): Path<i64>,
    body: Bytes,
) -> Response {
    let asked = responses::read(&body)
        .and_then(|ask| Ok((ask.stream, ask.answer(behaviours.of(channel))?)));
    match asked {
        Ok((true, answer)) => stream(responses::stream(&answer), answer.delay_ms),
        Ok((false, answer)) => whole(&responses::whole(&answer), answer.delay_ms).await,
        Err(failure) => fail(&failure, &openai::error(&failure)),
    }
}

async fn generate(
    State(behaviours): State<Behaviours>,
    Path((channel, call)): Path<(i64, String)>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let asked = gemini::Method::read(&call, &query.unwrap_or_default()).and_then(|method| {
        let answer = gemini::read(&method, &body)?.answer(behaviours.of(channel))?;
        Ok((method, answer))
    });
    match asked {
        Ok((method, answer)) if method.stream => {
            let steps = gemini::stream(&answer, method.events);
            let kind = if method.events {
                EVENT_STREAM
            } else {
                "application/json; charset=UTF-8"
            };
            stream_of(kind, steps, answer.delay_ms)
        }
        Ok((_, answer)) => whole(&gemini::whole(&answer), answer.delay_ms).await,
        Err(failure) => fail(&failure, &gemini::error(&failure)),
    }
}

async fn gemini_models() -> Response {
    json(StatusCode::OK, &gemini::models())
}

async fn models(headers: HeaderMap) -> Response {
    let anthropic = headers.contains_key("anthropic-version");
    json(
        StatusCode::OK,
        &if anthropic {
            anthropic::models()
        } else {
            openai::models()
        },
    )
}

async fn whole(answer: &Value, delay_ms: u64) -> Response {
    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    json(StatusCode::OK, answer)
}

fn fail(failure: &Failure, body: &Value) -> Response {
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, body);
    if let Some(seconds) = failure.retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn json(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

fn stream(steps: Vec<Step>, delay_ms: u64) -> Response {
    stream_of(EVENT_STREAM, steps, delay_ms)
}

fn stream_of(content_type: &'static str, steps: Vec<Step>, delay_ms: u64) -> Response {
    // One at a time: nothing is made ahead of a caller who reads slowly or has gone.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for step in steps {
            let event = match step {
                Step::Now(event) => Ok(Bytes::from(event)),
                Step::Piece(event) => {
                    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                    Ok(Bytes::from(event))
                }
                Step::Break => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            };
            if sender.send(event).await.is_err() {
                return;
            }
        }
    });
    let kind = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (kind, Body::from_stream(ReceiverStream::new(receiver))).into_response()
}
