//! `GET /v1/models` and `/v1/models/{id}`: what the token may use, in the caller's shape.

use tollgate_config::meter::TokenRecord;
use tollgate_host::{Host, Level};
use tollgate_policy::routing::NoRoute;
use tollgate_protocol::{ErrorInfo, ModelEntry, write_model, write_model_list};

use crate::gateway::limits;
use crate::refusal::{answer_headers, no_route};
use crate::state::Active;
use crate::stream::Stream;

pub(super) fn list(host: &dyn Host, stream: &Stream, active: &Active, token: &TokenRecord) {
    let models = active.routes.models(&active.config, token);
    let entries: Vec<_> = models
        .into_iter()
        .map(|model| entry(active, model))
        .collect();
    let list = write_model_list(stream.call.dialect(), &entries);
    reply(host, stream, &list);
}

/// # Errors
/// When the token may not see the model, exactly as if it did not exist.
pub(super) fn one(
    host: &dyn Host,
    stream: &Stream,
    active: &Active,
    token: &TokenRecord,
    model: &str,
) -> Result<(), ErrorInfo> {
    let models = active.routes.models(&active.config, token);
    let name = models
        .into_iter()
        .find(|name| name.eq_ignore_ascii_case(model))
        .ok_or_else(|| no_route(NoRoute::UnknownModel, model))?;
    let model = write_model(stream.call.dialect(), &entry(active, name));
    reply(host, stream, &model);
    Ok(())
}

fn entry<'a>(active: &'a Active, id: &'a str) -> ModelEntry<'a> {
    let model = active.model(id);
    ModelEntry {
        id,
        created_unix_s: model
            .and_then(|m| u64::try_from(m.created_unix_s).ok())
            .unwrap_or(0),
        owned_by: model
            .map(|m| m.owner.as_str())
            .filter(|o| !o.is_empty())
            .unwrap_or("tollgate"),
    }
}

/// Answers with JSON that is there.
pub(super) fn reply(host: &dyn Host, stream: &Stream, body: &[u8]) {
    let mut headers = answer_headers(stream.call.dialect(), &stream.id);
    headers.push(("content-type", "application/json"));
    headers.extend(limits::shown(stream));
    if let Err(error) = host.reply(200, &headers, body) {
        host.log(Level::Warn, &format!("answer not sent: {error}"));
    }
}
