//! The history of a request that continues a response or a conversation of ours, and the items of
//! ours that it refers to: put into the request before it is planned.

use tollgate_config::responses::{self, History, answer, call};
use tollgate_host::{Host, Level};
use tollgate_protocol::conversation::{
    Continuation, continuation, continued, dereferenced, own_items, references as referred,
};
use tollgate_protocol::json::Json;
use tollgate_protocol::{Body, Dialect, ErrorInfo, ErrorKind, Limits};

use super::{Asked, Then, away, background, begin, refused, short};
use crate::call::Endpoint;
use crate::gateway::plan::Gathered;
use crate::memory::Hold;
use crate::operation::Operation;
use crate::refusal;
use crate::stream::{Keep, Stream};

/// A request refers to no more items than this: each is looked for among the others.
const REFERENCES_MAX: usize = 1_000;

/// A request that waits for its history.
pub(in crate::gateway) struct Continuing {
    gathered: Gathered,
    /// Ids of the items of ours that it refers to, each once.
    references: Vec<String>,
    keeps: Keeps,
}

/// What is to be kept with the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Nothing,
    /// Its items, for the conversation that it continues.
    Items,
    /// And the response, by its id.
    Response,
}

/// Asks for the history of a request that continues something of ours; gives the request back when
/// there is nothing to ask. What else the request says of being kept is noted.
pub(in crate::gateway) fn ask(
    host: &dyn Host,
    stream: &mut Stream,
    mut gathered: Gathered,
) -> Result<Result<Asked, Gathered>, ErrorInfo> {
    let generates = match &stream.call.endpoint {
        Endpoint::Generate(Dialect::OpenaiResponses) => true,
        // A conversation is counted whole.
        Endpoint::Operation(Operation::Count {
            dialect: Dialect::OpenaiResponses,
            ..
        }) => false,
        _ => return Ok(Err(gathered)),
    };
    let continuation = continuation(&gathered.body)?;
    let in_background = generates && background::is_ours(stream, &gathered.body, &continuation)?;
    if in_background {
        let own = gathered.body.as_str().to_owned();
        if !gathered.hold.grow(gathered.size.saturating_mul(3)) {
            return Err(refusal::no_room());
        }
        stream.background = Some(own);
    }
    let Continuation {
        previous_response_id,
        conversation,
        store,
        ..
    } = continuation;
    let active = stream.active.clone().ok_or_else(refusal::not_ready)?;
    let stores = active.config.stores_responses;
    let is_foreign = |id: &Option<String>, is_ours: fn(&str) -> bool| {
        id.as_deref().is_some_and(|id| !is_ours(id))
    };
    // A part of a conversation would be another one: what follows what only its provider has is not
    // continued from here.
    let is_part = is_foreign(&previous_response_id, responses::is_ours)
        || is_foreign(&conversation, responses::is_our_conversation);
    let previous = previous_response_id.filter(|id| responses::is_ours(id));
    let conversation = conversation.filter(|id| responses::is_our_conversation(id));
    let mut references: Vec<String> = Vec::new();
    for id in referred(&gathered.body) {
        if responses::origin(&id).is_some() && !references.contains(&id) {
            if references.len() == REFERENCES_MAX {
                return Err(too_many());
            }
            references.push(id);
        }
    }
    // What is answered in the background is kept, and added, by the call that is made then.
    let keeps = match (
        generates && stores && !in_background && !is_part,
        store,
        &conversation,
    ) {
        (true, true, _) => Keeps::Response,
        (true, false, Some(_)) => Keeps::Items,
        _ => Keeps::Nothing,
    };
    let id = match (&previous, &conversation) {
        (Some(id), _) | (None, Some(id)) => id.clone(),
        (None, None) if references.is_empty() => {
            keep(host, stream, own_items(&gathered.body), keeps);
            return Ok(Err(gathered));
        }
        (None, None) => String::new(),
    };
    if !stores {
        return Err(match (&previous, references.first()) {
            (Some(previous), _) => no_previous(previous),
            (None, Some(item)) if conversation.is_none() => no_item(item),
            _ => no_conversation(&id),
        });
    }
    let size = u64::try_from(gathered.size).unwrap_or(u64::MAX);
    let writes = generates && !in_background && conversation.is_some();
    let history = History {
        max_bytes: active.config.max_body_bytes.saturating_sub(size),
        references: references.clone(),
        writer: match writes {
            true => responses::id(&stream.id),
            false => String::new(),
        },
    };
    let call = begin(host, stream, &id, call::Kind::History(history))?;
    stream.continues = previous;
    stream.conversation = conversation;
    stream.writes_conversation = writes;
    let continuing = Continuing {
        gathered,
        references,
        keeps,
    };
    Ok(Ok(Asked {
        call,
        then: Then::Plan(continuing),
    }))
}

/// Keeps the request's own items until its answer is whole.
fn keep(host: &dyn Host, stream: &mut Stream, input: String, keeps: Keeps) {
    if keeps == Keeps::Nothing {
        return;
    }
    if input.len() > responses::STORED_BYTES_MAX {
        host.log(
            Level::Warn,
            "a response is not kept: its input is too large",
        );
        return;
    }
    // Without room the answer says that it was not kept.
    stream.keep = Hold::take(input.len()).map(|hold| Keep {
        input,
        response: None,
        by_id: keeps == Keeps::Response,
        hold,
    });
}

/// The request with its history in front, and with the items that it refers to.
pub(in crate::gateway) fn join(
    host: &dyn Host,
    stream: &mut Stream,
    continuing: Continuing,
    answer: answer::Kind,
) -> Result<Gathered, ErrorInfo> {
    let Continuing {
        gathered,
        references,
        keeps,
    } = continuing;
    let Gathered {
        body,
        mut hold,
        size,
        ..
    } = gathered;
    let active = stream.active.as_ref().ok_or_else(refusal::not_ready)?;
    let max = active.config.max_body_bytes;
    let answered = match answer {
        answer::Kind::Json(text) | answer::Kind::Context(text) => text,
        answer::Kind::TooLong(_) => return Err(too_long(stream, max)),
        answer::Kind::Refused(error) => return Err(refused(&error)),
        answer::Kind::NotFound(_) | answer::Kind::NoSuchItem(_) => {
            return Err(match (&stream.continues, &stream.conversation) {
                (Some(previous), _) => no_previous(previous),
                (None, Some(conversation)) => no_conversation(conversation),
                (None, None) => no_item(references.first().map_or("", String::as_str)),
            });
        }
    };
    // It, all together, and what of it is kept.
    if !hold.grow(answered.len().saturating_mul(3).saturating_add(size)) {
        return Err(refusal::no_room());
    }
    let answered = Json::parse_text(&answered, &Limits::response()).map_err(|_| away())?;
    let mut own = own_items(&body);
    let mut history = answered;
    if !references.is_empty() {
        let mut both = answered.items();
        history = both.next().ok_or_else(away)?;
        let found = both.next().ok_or_else(away)?;
        own = dereferenced(&own, &|id| {
            let index = references.iter().position(|known| known == id)?;
            found.items().nth(index).map(Json::raw)
        });
    }
    let continues = stream.continues.is_some() || stream.conversation.is_some();
    let history = continues.then_some(history.raw());
    let joined = continued(&body, history, &own).ok_or_else(away)?;
    drop(body);
    let size = joined.len();
    let limits = Limits::request(usize::try_from(max).unwrap_or(usize::MAX));
    if size > limits.max_bytes {
        return Err(too_long(stream, max));
    }
    let body = Body::parse(joined, &limits)?;
    hold.shrink_to(size.saturating_mul(2));
    keep(host, stream, own, keeps);
    Ok(Gathered {
        body,
        hold,
        size,
        is_continued: true,
    })
}

fn too_many() -> ErrorInfo {
    let message = "'input' refers to more than 1,000 kept items.";
    ErrorInfo::new(ErrorKind::InvalidRequest, message).with_param("input")
}

/// OpenAI answers this one with 400.
fn no_previous(id: &str) -> ErrorInfo {
    let message = format!("Previous response with id '{}' not found.", short(id));
    ErrorInfo::new(ErrorKind::InvalidRequest, message)
        .with_param("previous_response_id")
        .with_code("previous_response_not_found")
}

fn no_conversation(id: &str) -> ErrorInfo {
    let message = format!("Conversation with id '{}' not found.", short(id));
    ErrorInfo::new(ErrorKind::NotFound, message).with_param("conversation")
}

fn no_item(id: &str) -> ErrorInfo {
    let message = format!("Item with id '{}' not found.", short(id));
    ErrorInfo::new(ErrorKind::NotFound, message).with_param("input")
}

fn too_long(stream: &Stream, max_bytes: u64) -> ErrorInfo {
    let field = match (&stream.continues, &stream.conversation) {
        (Some(_), _) => "previous_response_id",
        (None, Some(_)) => "conversation",
        (None, None) => "input",
    };
    let message = format!(
        "What '{field}' stands for is too long: with it, the request may have {max_bytes} bytes, \
         and a conversation may have {} responses.",
        responses::CONVERSATION_RESPONSES_MAX
    );
    ErrorInfo::new(ErrorKind::RequestTooLarge, message)
        .with_param(field)
        .with_code("request_too_large")
}
