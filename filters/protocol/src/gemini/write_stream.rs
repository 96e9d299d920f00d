//! Neutral events as chunks of a streamGenerateContent answer.
//!
//! ```text
//! stream = *chunk last-chunk
//! chunk  = one candidate with one part
//! last   = every candidate with its finishReason, and the usage
//! error  = {"error": …}                 ; instead of everything from there on
//! ```
//!
//! A signature by another provider goes onto the part after its thought: Gemini CLI keeps
//! the signatures of texts and calls in its history, but no thoughts. The reader joins
//! them again where the thought is still there.
//!
//! Calls are whole here, so their arguments are held back until something else comes
//! in their choice, or the block ends.

use litemap::LiteMap;

use crate::dialect::Dialect;
use crate::error::ErrorInfo;
use crate::gemini::frames::Frames;
use crate::gemini::read_response::finish_reason;
use crate::gemini::write_response::{inline_data, proof_member, tail};
use crate::gemini::{error, signature, usage, write_parts};
use crate::json::{JsonWriter, object_bytes};
use crate::neutral::{CallKind, StopReason, StreamEvent, ToolCall, Usage};
use crate::reply::Reply;
use crate::stream::{MAX_EVENT_BYTES, StreamFault, StreamWriter};

pub(super) struct Writer {
    frames: Frames,
    reply: Reply,
    choices: LiteMap<u32, State>,
    usage: Option<Usage>,
}

#[derive(Default)]
struct State {
    /// Calls whose arguments may go on.
    held: Vec<Held>,
    /// The signature of the part that comes next.
    pending: Option<String>,
    /// The last part was a thought, so that a signature is its own.
    thinking: bool,
    called: bool,
    stop: Option<StopReason>,
}

struct Held {
    call: u32,
    id: String,
    name: String,
    kind: CallKind,
    arguments: String,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(reply: Reply) -> Self {
        Self {
            frames: Frames::new(reply.framing),
            reply,
            choices: LiteMap::new(),
            usage: None,
        }
    }

    /// One chunk with one part in it; the part takes the signature that waits.
    fn part(&mut self, choice: u32, out: &mut Vec<u8>, members: impl FnOnce(&mut JsonWriter<'_>)) {
        let proof = self.state(choice).pending.take();
        let chunk = object_bytes(|w| {
            w.field_array("candidates", |w| {
                w.object(|w| {
                    w.field_object("content", |w| {
                        w.field_array("parts", |w| {
                            w.object(|w| {
                                members(w);
                                proof_member(proof.as_deref(), w);
                            });
                        });
                        w.field_str("role", "model");
                    });
                    w.field_u64("index", u64::from(choice));
                });
            });
            tail(&self.reply, w);
        });
        self.frames.push(&chunk, out);
    }

    fn state(&mut self, choice: u32) -> &mut State {
        self.choices.entry(choice).or_default()
    }

    fn text(&mut self, choice: u32, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.settle(choice, out);
        self.state(choice).thinking = false;
        self.part(choice, out, |w| w.field_str("text", text));
    }

    fn thinking(&mut self, choice: u32, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.settle(choice, out);
        self.flush_proof(choice, out);
        self.state(choice).thinking = true;
        self.part(choice, out, |w| {
            w.field_str("text", text);
            w.field_bool("thought", true);
        });
    }

    fn prove(&mut self, choice: u32, by: Option<Dialect>, proof: String, out: &mut Vec<u8>) {
        self.settle(choice, out);
        self.flush_proof(choice, out);
        let state = self.state(choice);
        let of_thought = std::mem::take(&mut state.thinking) && by == Some(Dialect::Gemini);
        state.pending = Some(proof);
        if of_thought {
            self.part(choice, out, |w| {
                w.field_str("text", "");
                w.field_bool("thought", true);
            });
        }
    }

    /// A signature that no part of its own follows.
    fn flush_proof(&mut self, choice: u32, out: &mut Vec<u8>) {
        if self.state(choice).pending.is_some() {
            self.part(choice, out, |w| w.field_str("text", ""));
        }
    }

    fn hold(&mut self, choice: u32, wanted: u32, json: &str) -> Result<(), StreamFault> {
        let held = &mut self.state(choice).held;
        let bytes: usize = held.iter().map(|held| held.arguments.len()).sum();
        if bytes.saturating_add(json.len()) > MAX_EVENT_BYTES {
            return Err(StreamFault::TooMuchHeldBack);
        }
        match held.iter_mut().rev().find(|held| held.call == wanted) {
            Some(held) => held.arguments.push_str(json),
            None if json.trim().is_empty() => {}
            None => return Err(StreamFault::LateArguments),
        }
        Ok(())
    }

    /// Writes the calls that were held back: nothing more can come for them.
    fn settle(&mut self, choice: u32, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.state(choice).held);
        for held in held {
            let call = ToolCall {
                id: held.id.into(),
                name: held.name.into(),
                arguments: held.arguments.into(),
                kind: held.kind,
            };
            let name = self.reply.aliases.original(&call.name).to_owned();
            self.part(choice, out, |w| {
                w.field_object("functionCall", |w| {
                    write_parts::function_call(&call, &name, w);
                });
            });
        }
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, event: &StreamEvent<'_>, out: &mut Vec<u8>) -> Result<(), StreamFault> {
        match event {
            StreamEvent::Start { .. } => drop(self.state(0)),
            StreamEvent::Usage(usage) => self.usage.get_or_insert_default().update(usage),
            StreamEvent::Text { choice, text } | StreamEvent::Refusal { choice, text } => {
                self.text(*choice, text, out);
            }
            StreamEvent::Thinking { choice, text } => self.thinking(*choice, text, out),
            StreamEvent::Signature {
                choice,
                by,
                signature,
            } => {
                let proof = signature::shown(*by, signature).into_owned();
                self.prove(*choice, Some(*by), proof, out);
            }
            StreamEvent::RedactedThinking { choice, data } => {
                self.prove(*choice, None, signature::shown_redacted(data), out);
            }
            StreamEvent::ToolCall {
                choice,
                call,
                id,
                name,
                kind,
            } => {
                let state = self.state(*choice);
                state.thinking = false;
                state.called = true;
                state.held.push(Held {
                    call: *call,
                    id: id.to_string(),
                    name: name.to_string(),
                    kind: *kind,
                    arguments: String::new(),
                });
            }
            StreamEvent::Arguments { choice, call, json } => self.hold(*choice, *call, json)?,
            StreamEvent::Media {
                choice,
                media_type,
                data,
            } => {
                self.settle(*choice, out);
                self.state(*choice).thinking = false;
                self.part(*choice, out, |w| inline_data(media_type, data, w));
            }
            StreamEvent::BlockEnd { choice } => {
                self.settle(*choice, out);
                self.state(*choice).thinking = false;
            }
            StreamEvent::Finish { choice, stop, .. } => {
                self.settle(*choice, out);
                self.state(*choice).stop = Some(*stop);
            }
            StreamEvent::End | StreamEvent::Error(_) => {}
        }
        Ok(())
    }

    fn keep_alive(&mut self, out: &mut Vec<u8>) {
        self.frames.keep_alive(out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.state(0);
        let choices: Vec<u32> = self.choices.keys().copied().collect();
        for choice in choices {
            self.settle(choice, out);
        }
        let chunk = object_bytes(|w| {
            w.field_array("candidates", |w| {
                for (choice, state) in &self.choices {
                    w.object(|w| {
                        w.field_object("content", |w| {
                            // What SDKs keep as history wants a part in every content.
                            w.field_array("parts", |w| {
                                w.object(|w| {
                                    w.field_str("text", "");
                                    proof_member(state.pending.as_deref(), w);
                                });
                            });
                            w.field_str("role", "model");
                        });
                        let fallback = match state.called {
                            true => StopReason::ToolUse,
                            false => StopReason::EndOfTurn,
                        };
                        let stop = state.stop.unwrap_or(fallback);
                        w.field_str("finishReason", finish_reason(stop));
                        w.field_u64("index", u64::from(*choice));
                    });
                }
            });
            if let Some(usage) = &self.usage {
                w.field_object("usageMetadata", |w| usage::members(usage, w));
            }
            tail(&self.reply, w);
        });
        self.frames.push(&chunk, out);
        self.frames.end(out);
    }

    fn fail(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        let chunk = object_bytes(|w| error::members(w, error));
        self.frames.push(&chunk, out);
        self.frames.end(out);
    }
}
