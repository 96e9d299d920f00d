//! The few facts that policy needs before anything is translated, and edits that
//! change those facts and leave every other byte alone.

use std::ops::Range;

use crate::address::Addressed;
use crate::body::Body;
use crate::json::{Json, JsonWriter, Kind};
use crate::neutral::ServiceTier;
use crate::problem::InvalidRequest;

/// What stands at the top of a request body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// The model that the caller asks for; never empty.
    pub model: String,
    pub stream: bool,
    /// The caller's limit on the output, in tokens.
    pub max_output_tokens: Option<u64>,
    /// How many answers it asks for, each as long as that; at least one.
    pub choices: u64,
    /// `stream_options.include_usage` as the caller set it.
    pub include_usage: Option<bool>,
    /// The end user's id as the caller names it: `user`, `safety_identifier`, or
    /// `metadata.user_id`.
    pub user: Option<String>,
    /// As what the caller wants to be served.
    pub service_tier: Option<ServiceTier>,
    /// Nothing where the path names the model.
    model_span: Option<Range<usize>>,
    usage_edit: Option<UsageEdit>,
    /// What must not go on to a provider of the same dialect, and what stands in for it;
    /// in order.
    replaced: Vec<(Range<usize>, &'static str)>,
}

/// The edit that would make an OpenAI upstream report usage in its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UsageEdit {
    span: Range<usize>,
    text: &'static str,
}

/// The keys that decide something here. One of them twice would let gateway and
/// upstream read two different requests out of one body.
const KEYS: [&str; 14] = [
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "user",
    "safety_identifier",
    "metadata",
    "service_tier",
    "speed",
    "n",
    "best_of",
    "prompt",
];

/// Most answers that OpenAI gives; what cannot be read counts as much.
const CHOICES_MAX: u64 = 128;

/// Peeks into a body whose model and stream flag are top-level members.
pub(crate) fn peek(body: &Body) -> Result<Peek, InvalidRequest> {
    let mut members: [Option<Json<'_>>; KEYS.len()] = [None; KEYS.len()];
    for (key, value) in body.json().entries() {
        let slot = KEYS
            .iter()
            .zip(&mut members)
            .find(|(name, _)| **name == key);
        if let Some((name, slot)) = slot
            && slot.replace(value).is_some()
        {
            let message = format!("'{name}' must not appear twice.");
            return Err(InvalidRequest::new(*name, message));
        }
    }
    let members = members.map(|member| member.and_then(Json::non_null));
    let [
        model,
        stream,
        options,
        max_tokens,
        max_completion,
        max_output,
        user,
        safety,
        metadata,
        tier,
        speed,
        n,
        best_of,
        prompt,
    ] = members;

    let model = model.ok_or_else(|| InvalidRequest::new("model", "'model' is required."))?;
    let name = model
        .as_str()
        .filter(|name| !name.trim().is_empty())
        .ok_or_else(|| InvalidRequest::must_be("model", "a non-empty string"))?;
    let stream = match stream {
        None => false,
        Some(flag) => flag
            .as_bool()
            .ok_or_else(|| InvalidRequest::must_be("stream", "a boolean"))?,
    };
    let user_id = metadata.and_then(|metadata| metadata.get("user_id"));
    Ok(Peek {
        model: name.into_owned(),
        stream,
        max_output_tokens: max_completion
            .or(max_tokens)
            .or(max_output)
            .and_then(Json::as_u64),
        // All of which one is the best are paid.
        choices: choices(n)
            .max(choices(best_of))
            .saturating_mul(prompts(prompt)),
        include_usage: options.and_then(|options| options.get("include_usage")?.as_bool()),
        user: [safety, user, user_id]
            .into_iter()
            .flatten()
            .find_map(Json::as_str)
            .map(|user| user.into_owned()),
        // Anthropic says it with a word of its own.
        service_tier: ServiceTier::of(speed)
            .filter(|tier| *tier == ServiceTier::Priority)
            .or_else(|| ServiceTier::of(tier)),
        model_span: Some(span(body, model.raw())),
        usage_edit: Some(usage_edit(body)),
        replaced: Vec::new(),
    })
}

/// The same of a call whose path names model and kind of answer.
pub(crate) fn addressed(
    addressed: &Addressed,
    max_output_tokens: Option<u64>,
    replaced: Vec<(Range<usize>, &'static str)>,
) -> Result<Peek, InvalidRequest> {
    if addressed.model.trim().is_empty() {
        return Err(InvalidRequest::new("model", "'model' is required."));
    }
    Ok(Peek {
        model: addressed.model.clone(),
        stream: addressed.stream,
        max_output_tokens,
        choices: 1,
        include_usage: None,
        user: None,
        service_tier: None,
        model_span: None,
        usage_edit: None,
        replaced,
    })
}

/// How many answers a member asks for, at the most that a provider could understand it to: some take
/// a number in quotes, and some give more than OpenAI's most.
pub(crate) fn choices(member: Option<Json<'_>>) -> u64 {
    let Some(member) = member.and_then(Json::non_null) else {
        return 1;
    };
    let quoted = || member.as_str()?.trim().parse().ok();
    let count = member.as_u64().or_else(quoted);
    count.unwrap_or(CHOICES_MAX).max(1)
}

/// How many prompts legacy Completions are asked to complete, each with answers of its own: a list of
/// texts, or of lists of tokens. A list of tokens is one.
fn prompts(member: Option<Json<'_>>) -> u64 {
    let mut items = member.into_iter().flat_map(Json::items);
    match items.next().map(Json::kind) {
        Some(Kind::String | Kind::Array) => u64::try_from(items.count())
            .unwrap_or(u64::MAX)
            .saturating_add(1),
        _ => 1,
    }
}

/// Of a call whose path names the model, and which gives no stream.
pub(crate) fn of_path(model: &str) -> Result<Peek, InvalidRequest> {
    let model = model.to_owned();
    let call = Addressed {
        model,
        ..Addressed::default()
    };
    addressed(&call, None, Vec::new())
}

/// Where `include_usage: true` has to go; see [`Peek::rewrite`].
fn usage_edit(body: &Body) -> UsageEdit {
    const MEMBER: &str = r#""include_usage":true"#;
    const MEMBER_FIRST: &str = r#""include_usage":true,"#;
    const OPTIONS: &str = r#"{"include_usage":true}"#;
    const OPTIONS_FIRST: &str = r#""stream_options":{"include_usage":true},"#;
    let Some(options) = body.json().get("stream_options") else {
        let inside = span(body, body.json().raw()).start + 1;
        return UsageEdit {
            span: inside..inside,
            text: OPTIONS_FIRST,
        };
    };
    let whole = span(body, options.raw());
    if options.kind() != Kind::Object {
        return UsageEdit {
            span: whole,
            text: OPTIONS,
        };
    }
    if let Some(flag) = options.get("include_usage") {
        return UsageEdit {
            span: span(body, flag.raw()),
            text: "true",
        };
    }
    let inside = whole.start + 1;
    let empty = options.entries().next().is_none();
    UsageEdit {
        span: inside..inside,
        text: if empty { MEMBER } else { MEMBER_FIRST },
    }
}

pub(crate) fn span(body: &Body, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(body.as_str().as_ptr() as usize);
    start..start + part.len()
}

// === impl Peek ===

impl Peek {
    /// The body with the value of `model` replaced, every other byte untouched.
    pub fn replace_model(&self, body: &Body, model: &str) -> Vec<u8> {
        self.rewrite(body, Some(model), false)
            .unwrap_or_else(|| body.as_str().as_bytes().to_vec())
    }

    /// Edits for passing a body on in its own dialect: another model name, and
    /// `stream_options.include_usage: true` so that an OpenAI upstream reports what
    /// it bills. Nothing where the body can go as it is.
    pub fn rewrite(
        &self,
        body: &Body,
        model: Option<&str>,
        include_usage: bool,
    ) -> Option<Vec<u8>> {
        self.rewrite_with(body, model, include_usage, Vec::new())
    }

    /// The same with edits of others, which touch neither member.
    pub(crate) fn rewrite_with(
        &self,
        body: &Body,
        model: Option<&str>,
        include_usage: bool,
        mut edits: Vec<(Range<usize>, Vec<u8>)>,
    ) -> Option<Vec<u8>> {
        if let Some(model) = model.filter(|model| *model != self.model)
            && let Some(span) = &self.model_span
        {
            let mut quoted = Vec::new();
            JsonWriter::new(&mut quoted).string(model);
            edits.push((span.clone(), quoted));
        }
        if include_usage
            && self.stream
            && self.include_usage != Some(true)
            && let Some(UsageEdit { span, text }) = self.usage_edit.clone()
        {
            edits.push((span, text.as_bytes().to_vec()));
        }
        let replaced = self.replaced.iter();
        edits.extend(replaced.map(|(span, text)| (span.clone(), text.as_bytes().to_vec())));
        // What is inserted stands before what is replaced at the same place.
        edits.sort_unstable_by_key(|(span, _)| (span.start, span.end));
        (!edits.is_empty()).then(|| apply(body.as_str().as_bytes(), &edits))
    }
}

/// The edit that puts `text` in the place of the string `old`, a part of `whole`.
pub(crate) fn replace_string(
    whole: &str,
    old: Json<'_>,
    text: &str,
) -> Option<(Range<usize>, Vec<u8>)> {
    let start = (old.raw().as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let mut quoted = Vec::new();
    JsonWriter::new(&mut quoted).string(text);
    Some((start..start.checked_add(old.raw().len())?, quoted))
}

/// Replaces the spans, which are in order. An edit inside what an earlier one replaced has lost its
/// place and is left out, so that two that contradict each other still leave valid JSON.
pub(crate) fn apply(bytes: &[u8], edits: &[(Range<usize>, Vec<u8>)]) -> Vec<u8> {
    let added: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut edited = Vec::with_capacity(bytes.len() + added);
    let mut at = 0;
    for (span, text) in edits {
        if span.start < at {
            continue;
        }
        edited.extend_from_slice(bytes.get(at..span.start).unwrap_or_default());
        edited.extend_from_slice(text);
        at = span.end;
    }
    edited.extend_from_slice(bytes.get(at..).unwrap_or_default());
    edited
}
