//! What to say, before it is put into a dialect.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::behaviour::Behaviour;
use super::{directive, sample};

/// What a request asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ask {
    pub(super) model: String,
    pub(super) stream: bool,
    /// Text of the last message.
    pub(super) text: String,
    /// The last message brings results of tools.
    pub(super) tool_result: bool,
    pub(super) images: usize,
    /// Name and parameter schema.
    pub(super) tools: Vec<(String, Value)>,
    pub(super) choice: Choice,
    pub(super) max_tokens: Option<u64>,
    /// The caller wants to see thoughts.
    pub(super) thinking: bool,
    /// The answer is to be JSON after this schema.
    pub(super) schema: Option<Value>,
    /// Size of everything that was sent, from which tokens are counted.
    pub(super) bytes: usize,
}

/// `tool_choice`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Choice {
    #[default]
    Auto,
    None,
    Any,
    Named(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// The same for the same request.
    pub(super) id: String,
    pub(super) model: String,
    pub(super) reasoning: String,
    /// In the pieces in which it is streamed.
    pub(super) text: Vec<String>,
    pub(super) calls: Vec<Call>,
    pub(super) finish: Finish,
    pub(super) usage: Usage,
    pub(super) delay_ms: u64,
    pub(super) cut: Option<u32>,
    pub(super) fail_after: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    Length,
    Tools,
}

/// Gross input: the cache figures are part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cached: u64,
    pub(super) cache_creation: u64,
    pub(super) reasoning: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) message: String,
    pub(super) code: Option<String>,
    pub(super) retry_after: Option<u32>,
}

/// A token is four bytes here, which is about what it is in English.
const BYTES_PER_TOKEN: u64 = 4;

const THOUGHTS: &str = "The user wrote something. I will say it back.";

impl Ask {
    pub(super) fn answer(&self, channel: Behaviour) -> Result<Answer, Failure> {
        let (told, question) = directive::take(&self.text);
        let behaviour = channel.with(&told).map_err(Failure::bad_request)?;
        if let Some(status) = behaviour.status {
            return Err(Failure {
                status,
                message: behaviour
                    .error
                    .unwrap_or_else(|| "The demo provider fails on request.".into()),
                code: behaviour.code,
                retry_after: behaviour.retry_after,
            });
        }
        let digest = hex::encode(Sha256::digest(format!("{self:?}")));
        let id = digest.get(..24).unwrap_or_default().to_owned();
        let calls = self.calls(&behaviour, &id);
        let reasoning = match (&behaviour.reasoning, self.thinking) {
            (Some(text), _) => text.clone(),
            (None, true) => THOUGHTS.into(),
            (None, false) => String::new(),
        };
        let mut text = if calls.is_empty() {
            self.text(&behaviour, &question)
        } else {
            String::new()
        };
        let cut_short = self.max_tokens.is_some_and(|max| truncate(&mut text, max));
        let finish = match behaviour.finish.as_deref() {
            _ if !calls.is_empty() => Finish::Tools,
            Some("length") => Finish::Length,
            None if cut_short => Finish::Length,
            _ => Finish::Stop,
        };
        let spoken: usize = calls
            .iter()
            .map(|call| call.name.len() + call.arguments.to_string().len())
            .sum();
        let thought = behaviour
            .reasoning_tokens
            .unwrap_or_else(|| tokens(reasoning.len()));
        let counted = tokens(text.len().saturating_add(spoken)).saturating_add(thought);
        let (cached, cache_creation) = (
            behaviour.cached_tokens.unwrap_or(0),
            behaviour.cache_creation_tokens.unwrap_or(0),
        );
        let usage = Usage {
            input: behaviour
                .input_tokens
                .unwrap_or_else(|| tokens(self.bytes))
                .max(cached.saturating_add(cache_creation)),
            output: behaviour.output_tokens.unwrap_or(counted).max(thought),
            cached,
            cache_creation,
            reasoning: thought,
        };
        Ok(Answer {
            id,
            model: self.model.clone(),
            reasoning,
            text: pieces(&text, behaviour.chunks),
            calls,
            finish,
            usage,
            delay_ms: behaviour.delay_ms.unwrap_or(0),
            cut: behaviour.cut,
            fail_after: behaviour.fail_after,
        })
    }

    fn text(&self, behaviour: &Behaviour, question: &str) -> String {
        let said = if let Some(text) = &behaviour.text {
            text.clone()
        } else if let Some(words) = behaviour.words {
            (1..=words)
                .map(|n| format!("word{n}"))
                .collect::<Vec<_>>()
                .join(" ")
        } else if let Some(schema) = &self.schema {
            return sample::sample(schema).to_string();
        } else if self.tool_result {
            format!("The tool said: {question}")
        } else if self.images > 0 {
            format!("Demo answer to: {question} (images: {})", self.images)
        } else {
            format!("Demo answer to: {question}")
        };
        let affix = |affix: &Option<String>| affix.clone().unwrap_or_default();
        affix(&behaviour.prefix) + &said + &affix(&behaviour.suffix)
    }

    /// On request, or when the caller insists.
    fn calls(&self, behaviour: &Behaviour, id: &str) -> Vec<Call> {
        let insisted = match &self.choice {
            Choice::Named(name) => Some(name.clone()),
            Choice::Any => self.tools.first().map(|(name, _)| name.clone()),
            Choice::Auto | Choice::None => None,
        };
        let names = match (&behaviour.tool, insisted) {
            (Some(_), _) if self.choice == Choice::None => return Vec::new(),
            (Some(names), _) => names.clone(),
            (None, Some(name)) => name,
            (None, None) => return Vec::new(),
        };
        let call = |(at, name): (usize, &str)| {
            let schema = self
                .tools
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, schema)| schema);
            let arguments = match (&behaviour.args, schema) {
                (Some(arguments), _) => arguments.clone(),
                (None, Some(schema)) => sample::sample(schema),
                (None, None) => Value::Object(Map::new()),
            };
            let short = id.get(..12).unwrap_or_default();
            Call {
                id: format!("{short}{at:02}"),
                name: name.to_owned(),
                arguments,
            }
        };
        names
            .split(',')
            .filter(|name| !name.is_empty())
            .enumerate()
            .map(call)
            .collect()
    }
}

impl Failure {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            message: message.into(),
            code: None,
            retry_after: None,
        }
    }
}

pub(super) fn tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

/// To this many tokens; whether something was lost.
fn truncate(text: &mut String, max_tokens: u64) -> bool {
    let max = usize::try_from(max_tokens.saturating_mul(BYTES_PER_TOKEN)).unwrap_or(usize::MAX);
    if text.len() <= max {
        return false;
    }
    text.truncate(text.floor_char_boundary(max));
    true
}

/// Word by word, or in so many pieces of about the same size.
fn pieces(text: &str, chunks: Option<u32>) -> Vec<String> {
    let Some(chunks) = chunks else {
        return text.split_inclusive(' ').map(str::to_owned).collect();
    };
    let chars: Vec<char> = text.chars().collect();
    let size = chars.len().div_ceil(chunks as usize).max(1);
    chars
        .chunks(size)
        .map(|piece| piece.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(text: &str) -> Ask {
        Ask {
            text: text.into(),
            bytes: 40,
            ..Ask::default()
        }
    }

    #[test]
    fn what_it_says() {
        let check = |ask: &Ask, expected: &str| {
            let answer = ask.answer(Behaviour::default()).expect("an answer");
            assert_eq!(answer.text.concat(), expected);
            assert_eq!(
                ask.answer(Behaviour::default()),
                Ok(answer),
                "not deterministic"
            );
        };
        check(&ask("hi"), "Demo answer to: hi");
        check(&ask("hi [demo text=x prefix=a suffix=b]"), "axb");
        check(&ask("[demo words=3]"), "word1 word2 word3");
        check(
            &Ask {
                tool_result: true,
                ..ask("sunny")
            },
            "The tool said: sunny",
        );
        check(
            &Ask {
                images: 2,
                ..ask("hi")
            },
            "Demo answer to: hi (images: 2)",
        );
        check(
            &Ask {
                schema: Some(json!({"type": "integer"})),
                ..ask("hi")
            },
            "1",
        );
        check(
            &Ask {
                max_tokens: Some(1),
                ..ask("hi")
            },
            "Demo",
        );
    }

    #[test]
    fn what_it_does() {
        let answer =
            ask("[demo text=abcdef chunks=3 input_tokens=10 cached_tokens=4 finish=length]")
                .answer(Behaviour::default())
                .expect("an answer");
        assert_eq!(answer.text, ["ab", "cd", "ef"]);
        assert_eq!(answer.finish, Finish::Length);
        let usage = Usage {
            input: 10,
            output: 2,
            cached: 4,
            cache_creation: 0,
            reasoning: 0,
        };
        assert_eq!(answer.usage, usage);

        let failure = ask("[demo status=503 error=\"on fire\"]").answer(Behaviour::default());
        assert_eq!(
            failure.map_err(|f| (f.status, f.message)),
            Err((503, "on fire".into()))
        );
        let failure = ask("[demo what=1]").answer(Behaviour::default());
        assert_eq!(failure.map_err(|f| f.status), Err(400));
    }

    #[test]
    fn when_it_calls_tools() {
        let tools = vec![(
            "a".to_owned(),
            json!({"properties": {"x": {"type": "integer"}}}),
        )];
        let check = |text: &str, choice: Choice, expected: &[(&str, Value)]| {
            let ask = Ask {
                tools: tools.clone(),
                choice,
                ..ask(text)
            };
            let answer = ask.answer(Behaviour::default()).expect("an answer");
            let seen: Vec<_> = answer
                .calls
                .iter()
                .map(|c| (c.name.as_str(), c.arguments.clone()))
                .collect();
            assert_eq!(seen, expected, "{text}");
            assert_eq!(answer.finish == Finish::Tools, !expected.is_empty());
        };
        check("hi", Choice::Auto, &[]);
        check("hi", Choice::Any, &[("a", json!({"x": 1}))]);
        check("hi", Choice::Named("a".into()), &[("a", json!({"x": 1}))]);
        check(
            "[demo tool=a,b args={\"y\":2}]",
            Choice::Auto,
            &[("a", json!({"y": 2})), ("b", json!({"y": 2}))],
        );
        check("[demo tool=a]", Choice::None, &[]);
    }
}
