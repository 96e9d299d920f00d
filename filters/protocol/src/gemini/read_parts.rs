//! Contents and parts, of requests and of answers.
//!
//! SDKs that stream hand every chunk back as a content of its own, so neighbours of
//! the same role are one message, and pieces of one thought one block. A signature on
//! a part becomes thinking without text before the block that the part becomes; another
//! provider's is that of the thought before the part, if the client kept it.

use crate::dialect::Dialect;
use crate::gemini::fields::{elements, member, named};
use crate::gemini::read_data::{Calls, call, file, foreign, inline, result};
use crate::gemini::signature::{self, Proof};
use crate::json::Json;
use crate::neutral::{Block, Content, Extra, Message, Role, Signature};
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};

/// What a part may hold beside its signature, one of them.
const DATA: [&str; 9] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

pub(super) fn contents(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Vec<Message>, InvalidRequest> {
    let contents = elements(json)
        .ok_or_else(|| InvalidRequest::must_be(at.to_string(), "an array of contents"))?;
    let mut messages = Vec::new();
    let mut calls = Calls::default();
    let mut open: Option<(Role, Vec<Extra>, Parts)> = None;
    for (index, json) in contents.into_iter().enumerate() {
        let at = at.index(index);
        let role = role(read, read::object(json, &at)?, &at)?;
        let mut extras = Vec::new();
        for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
            if !matches!(&*key, "role" | "parts") {
                extras.push(read.extra(&key, value));
            }
        }
        let (_, known, parts) = match &mut open {
            Some(open) if open.0 == role => open,
            _ => {
                let next = (role, Vec::new(), Parts::default());
                close(open.replace(next), &mut messages);
                match &mut open {
                    Some(open) => open,
                    None => continue,
                }
            }
        };
        known.extend(extras);
        if let Some(json) = member(json, "parts") {
            parts.read(read, json, &at.key("parts"), Some(&mut calls))?;
        }
    }
    close(open, &mut messages);
    Ok(messages)
}

fn close(open: Option<(Role, Vec<Extra>, Parts)>, messages: &mut Vec<Message>) {
    if let Some((role, extras, parts)) = open {
        messages.push(Message {
            role,
            content: parts.finish(),
            extras,
        });
    }
}

/// The blocks of one content that stands alone: a system instruction, an answer.
pub(super) fn content(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Vec<Block>, InvalidRequest> {
    let mut parts = Parts::default();
    if let Some(json) = member(json, "parts") {
        parts.read(read, json, &at.key("parts"), None)?;
    }
    Ok(parts.finish())
}

fn role(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Role, InvalidRequest> {
    let role = read.optional_text(json, "role", at)?;
    match role.as_deref() {
        Some("model") => Ok(Role::Assistant),
        // The last is what results of functions once came as.
        None | Some("" | "user" | "function") => Ok(Role::User),
        Some(_) => Err(InvalidRequest::must_be(
            at.key("role").to_string(),
            "'user' or 'model'",
        )),
    }
}

/// Collects the blocks of one message.
#[derive(Default)]
pub(super) struct Parts {
    blocks: Vec<Block>,
    /// A thought that may go on.
    thought: Option<String>,
}

// === impl Parts ===

impl Parts {
    pub(super) fn read(
        &mut self,
        read: Read<'_>,
        json: Json<'_>,
        at: &Path<'_>,
        mut calls: Option<&mut Calls>,
    ) -> Result<(), InvalidRequest> {
        let parts = elements(json)
            .ok_or_else(|| InvalidRequest::must_be(at.to_string(), "an array of parts"))?;
        let count = parts.len();
        for (index, json) in parts.into_iter().enumerate() {
            let ends = index + 1 == count;
            self.part(read, json, &at.index(index), calls.as_deref_mut(), ends)?;
        }
        Ok(())
    }

    fn part(
        &mut self,
        read: Read<'_>,
        json: Json<'_>,
        at: &Path<'_>,
        calls: Option<&mut Calls>,
        ends: bool,
    ) -> Result<(), InvalidRequest> {
        let mut data = None;
        let (mut is_thought, mut proof) = (false, None);
        let mut extras = Vec::new();
        let members = read::object(json, at)?.entries();
        for (key, value) in members.filter(|(_, value)| !value.is_null()) {
            if let Some(kind) = DATA.iter().find(|kind| named(&key, kind)) {
                data = Some((*kind, value));
            } else if named(&key, "thought") {
                is_thought = value.as_bool() == Some(true);
            } else if named(&key, "thoughtSignature") {
                let text = read.text(value, &at.key("thoughtSignature"))?;
                proof = (!text.is_empty()).then(|| signature::read(text));
            } else {
                extras.push(read.extra(&key, value));
            }
        }
        let Some((kind, value)) = data else {
            match extras.first() {
                Some(extra) => self.push(foreign(read, json, &extra.key), proof),
                None => self.prove(proof),
            }
            return Ok(());
        };
        let at = &at.key(kind);
        let mut block = match kind {
            "text" => {
                let text = read.text(value, at)?;
                if is_thought {
                    self.thought(&text, proof);
                    return Ok(());
                }
                if text.is_empty() && ends && proof.is_some() {
                    self.prove(proof);
                    return Ok(());
                }
                Block::text(text)
            }
            // What an answer shows of the pictures that the model drew for itself is no
            // more than its signature.
            "inlineData" | "fileData" if is_thought && calls.is_none() => {
                self.thought("", proof);
                return Ok(());
            }
            "inlineData" => inline(read, value, at)?,
            "fileData" => file(read, value, at)?,
            "functionCall" => call(read, value, at, calls)?,
            "functionResponse" => result(read, value, at, calls)?,
            kind => foreign(read, json, kind),
        };
        if !matches!(block.content, Content::Foreign { .. }) {
            if is_thought {
                // Pictures that the model drew for itself.
                extras.push(read.extra("thought", Json::trusted("true")));
            }
            block.extras.extend(extras);
        }
        self.push(block, proof);
        Ok(())
    }

    fn thought(&mut self, text: &str, proof: Option<Proof>) {
        self.thought.get_or_insert_default().push_str(text);
        match proof {
            None => {}
            Some(Proof::Signature(signature)) => {
                let text = self.thought.take().unwrap_or_default();
                self.blocks.push(thinking(text, Some(signature)));
            }
            Some(redacted) => self.prove(Some(redacted)),
        }
    }

    fn push(&mut self, block: Block, proof: Option<Proof>) {
        // What the provider's own tools leave keeps its signature inside.
        let foreign = matches!(block.content, Content::Foreign { .. });
        self.prove(proof.filter(|_| !foreign));
        self.end_thought();
        self.blocks.push(block);
    }

    /// A signature of what comes next, or another provider's of the thought before.
    fn prove(&mut self, proof: Option<Proof>) {
        let Some(proof) = proof else {
            return;
        };
        let theirs = matches!(&proof, Proof::Signature(by) if by.by != Dialect::Gemini);
        let thought = self.thought.take_if(|_| theirs).unwrap_or_default();
        self.end_thought();
        self.blocks.push(match proof {
            Proof::Signature(signature) => thinking(thought, Some(signature)),
            Proof::Redacted(data) => Block::new(Content::RedactedThinking { data }),
        });
    }

    fn end_thought(&mut self) {
        if let Some(text) = self.thought.take().filter(|text| !text.is_empty()) {
            self.blocks.push(thinking(text, None));
        }
    }

    pub(super) fn finish(mut self) -> Vec<Block> {
        self.end_thought();
        self.blocks
    }
}

fn thinking(text: String, signature: Option<Signature>) -> Block {
    Block::new(Content::Thinking {
        text: text.into(),
        signature,
    })
}
