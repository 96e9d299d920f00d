//! Responses and conversations that the gateway keeps for callers of OpenAI's Responses API: how
//! they are named, how they travel to the control plane, and what is asked of it afterwards.
//!
//! Of responses, only answers that were translated are kept, and those to calls in the background;
//! what else a provider of the same dialect answered, it keeps itself, under an id of its own. A response
//! goes up on the meter stream, which loses nothing when the control plane restarts ([`Stored`]); it is
//! asked for by a unary gRPC call from the worker that needs it ([`Call`], [`Answer`]). The group in both
//! is what the gateway made of the caller's token: nothing that a caller sends can name another.

use prost::{Message, Oneof};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// gRPC service and method of the calls.
pub const SERVICE: &str = "tollgate.responses.v1.Responses";
pub const METHOD: &str = "Ask";

/// What makes an id of an answer one of ours; the dialect puts `resp_` (`msg_`, `rs_`, …) before it.
/// OpenAI's own ids are hexadecimal there.
pub const REPLY_PREFIX: &str = "tg";

const ID_PREFIX: &str = "resp_tg";
const CONVERSATION_PREFIX: &str = "conv_tg";

/// Length of a request's id, in hexadecimal digits: 12 of Unix milliseconds, 20 at random.
const REQUEST_ID_DIGITS: usize = 32;

/// Largest [`Stored`] in bytes, as it travels. A larger one is not kept, and the gateway's log says so.
pub const STORED_BYTES_MAX: usize = 4 << 20;

/// A conversation of more responses is not continued.
pub const CONVERSATION_RESPONSES_MAX: i64 = 1_000;

/// One response, whole.
#[derive(Clone, PartialEq, Message)]
pub struct Stored {
    #[prost(string, tag = "1")]
    pub id: String,
    /// Group of the caller's token: nobody else ever sees it.
    #[prost(string, tag = "2")]
    pub group: String,
    #[prost(int64, tag = "3")]
    pub token_id: i64,
    /// As the caller named it.
    #[prost(string, tag = "4")]
    pub model: String,
    /// Id of the response that it continues; empty for the first of a conversation.
    #[prost(string, tag = "5")]
    pub previous: String,
    /// The items of the request itself, without its history: a JSON array, verbatim.
    #[prost(string, tag = "6")]
    pub input: String,
    /// The response object as the caller got it, JSON.
    #[prost(string, tag = "7")]
    pub response: String,
    /// Id of the conversation to which its items are added; empty: none. Without a response there
    /// are none to add: the call failed, and the conversation is free for the next one.
    #[prost(string, tag = "8")]
    pub conversation: String,
    /// Nothing but the conversation gets it: it is not to be kept, or its provider keeps it.
    #[prost(bool, tag = "9")]
    pub not_by_id: bool,
}

/// What a gateway asks about one response or conversation.
#[derive(Clone, PartialEq, Message)]
pub struct Call {
    #[prost(string, tag = "1")]
    pub group: String,
    /// Of a response, or of a conversation; empty where only items are referred to.
    #[prost(string, tag = "2")]
    pub id: String,
    #[prost(oneof = "call::Kind", tags = "3, 4, 5, 6, 7, 8, 9")]
    pub kind: Option<call::Kind>,
}

pub mod call {
    use super::{History, InputItems, Nothing, Oneof};

    #[derive(Clone, PartialEq, Oneof)]
    pub enum Kind {
        #[prost(message, tag = "3")]
        History(History),
        #[prost(message, tag = "4")]
        Show(Nothing),
        #[prost(message, tag = "5")]
        Delete(Nothing),
        #[prost(message, tag = "6")]
        InputItems(InputItems),
        /// JSON: a [`Conversations`](super::Conversations). Messages that gateways read or write take
        /// more room in the filter than JSON does, so what is rare is JSON.
        #[prost(string, tag = "7")]
        Conversations(String),
        /// JSON: a [`Background`](super::Background).
        #[prost(string, tag = "8")]
        Background(String),
        #[prost(message, tag = "9")]
        Cancel(Nothing),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Nothing {}

/// All items of the conversation, or up to and with the response's own output, as one JSON array;
/// and items that the request refers to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct History {
    #[prost(uint64, tag = "1")]
    pub max_bytes: u64,
    /// Ids of [our own](origin) items, each once.
    #[prost(string, repeated, tag = "2")]
    pub references: Vec<String>,
    /// Id of the response whose items the conversation will get. Until it has come, nobody else
    /// continues the conversation. Empty: nothing is added.
    #[prost(string, tag = "3")]
    pub writer: String,
}

/// A request below `/v1/conversations`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Conversations {
    pub method: String,
    /// Behind `/v1/conversations`.
    pub path: String,
    pub query: String,
    /// JSON, or empty.
    pub body: String,
    pub request_id: String,
}

/// A request whose caller does not wait for the answer. The control plane makes the call itself,
/// through a gateway, for the token that the caller has shown here.
#[derive(Debug, Clone, Deserialize)]
pub struct Background {
    /// As the caller sent it; checked in all but what only the answer can tell.
    pub body: Box<RawValue>,
    pub token_id: i64,
    /// Of the caller; `-` where it is not known.
    pub address: String,
}

/// One page of the items that the response was made from.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct InputItems {
    /// The item after which the page begins; empty: the first.
    #[prost(string, tag = "1")]
    pub after: String,
    #[prost(uint32, tag = "2")]
    pub limit: u32,
    /// Newest first.
    #[prost(bool, tag = "3")]
    pub descending: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct Answer {
    #[prost(oneof = "answer::Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<answer::Kind>,
}

pub mod answer {
    use super::{Nothing, Oneof};

    #[derive(Clone, PartialEq, Oneof)]
    pub enum Kind {
        /// JSON: what was asked for.
        #[prost(string, tag = "1")]
        Json(String),
        /// The group has no such response.
        #[prost(message, tag = "2")]
        NotFound(Nothing),
        /// The history is over a limit.
        #[prost(message, tag = "3")]
        TooLong(Nothing),
        /// The group has the response, but `after` names no item of it.
        #[prost(message, tag = "4")]
        NoSuchItem(Nothing),
        /// JSON: the history, an array, and the items that were referred to, in the order of the
        /// references: `[[…], [item, …]]`.
        #[prost(string, tag = "5")]
        Context(String),
        /// JSON: a [`Refused`](super::Refused), what the caller gets instead.
        #[prost(string, tag = "6")]
        Refused(String),
    }
}

/// Why a request cannot be served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The HTTP status: 400, 404, 413, 429 or 503.
    pub status: u32,
    /// A sentence for the caller.
    pub message: String,
    /// The field that it is about; empty: none.
    pub param: String,
    /// For programs; empty: none.
    pub code: String,
}

/// The id of a request's response.
#[must_use]
pub fn id(request_id: &str) -> String {
    format!("{ID_PREFIX}{request_id}")
}

/// The id of a conversation that this request makes.
#[must_use]
pub fn conversation_id(request_id: &str) -> String {
    format!("{CONVERSATION_PREFIX}{request_id}")
}

/// When the request began whose response has this id, in Unix milliseconds; `None` for an id that
/// no gateway made.
#[must_use]
pub fn began_unix_ms(id: &str) -> Option<i64> {
    made_unix_ms(id.strip_prefix(ID_PREFIX)?)
}

fn made_unix_ms(request_id: &str) -> Option<i64> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if request_id.len() != REQUEST_ID_DIGITS || !request_id.bytes().all(is_digit) {
        return None;
    }
    i64::from_str_radix(request_id.get(..12)?, 16).ok()
}

/// Whether a gateway made this id.
#[must_use]
pub fn is_ours(id: &str) -> bool {
    began_unix_ms(id).is_some()
}

/// Whether a conversation of this id is kept here.
#[must_use]
pub fn is_our_conversation(id: &str) -> bool {
    let request_id = id.strip_prefix(CONVERSATION_PREFIX);
    request_id.and_then(made_unix_ms).is_some()
}

/// What an item belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// To the response of this id: it is of its input, or of its output.
    Response(String),
    /// To the conversation of this id.
    Conversation(String),
}

/// What an item of ours belongs to, which its id tells: `msg_tg…_0` is of the response `resp_tg…`,
/// and `msg_tg…_c0` of the conversation `conv_tg…`. `None`: it is not one of ours.
#[must_use]
pub fn origin(item: &str) -> Option<Origin> {
    let (_, rest) = item.split_once(concat!("_", "tg"))?;
    let (request_id, number) = rest.split_once('_')?;
    made_unix_ms(request_id)?;
    Some(match number.starts_with(CONVERSATION_ITEM) {
        true => Origin::Conversation(conversation_id(request_id)),
        false => Origin::Response(id(request_id)),
    })
}

/// The end of the id of a conversation's item; its beginning is what its type wants, and `tg…` of
/// the conversation.
#[must_use]
pub fn conversation_item(conversation: &str, number: i64) -> String {
    let name = conversation.strip_prefix("conv_").unwrap_or(conversation);
    format!("{name}_{CONVERSATION_ITEM}{number}")
}

/// Before the number of an item of a conversation.
const CONVERSATION_ITEM: char = 'c';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_names_what_it_belongs_to() {
        let request = "0199aabbccdd00112233445566778899";
        let (response, conversation) = (id(request), conversation_id(request));
        assert!(is_our_conversation(&conversation) && !is_our_conversation(&response));
        for (item, expected) in [
            (
                format!("msg_tg{request}_0"),
                Some(Origin::Response(response.clone())),
            ),
            (
                format!("fco_tg{request}_in2"),
                Some(Origin::Response(response)),
            ),
            (
                format!("msg_{}", conversation_item(&conversation, 3)),
                Some(Origin::Conversation(conversation)),
            ),
            (format!("msg_tg{request}"), None),
            (format!("msg_{request}_0"), None),
            (
                "msg_68a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607".into(),
                None,
            ),
            (String::new(), None),
        ] {
            assert_eq!(origin(&item), expected, "{item}");
        }
    }

    #[test]
    fn only_our_own_ids_are_ours() {
        let ours = id("0199aabbccdd00112233445566778899");
        assert_eq!(began_unix_ms(&ours), Some(0x0199_aabb_ccdd));
        for other in [
            "",
            "resp_",
            "resp_tg",
            "resp_68a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607",
            "resp_tg0199aabbccdd0011223344556677889",
            "resp_tg0199aabbccdd001122334455667788990",
            "resp_tg0199AABBCCDD00112233445566778899",
            "resp_tg0199aabbccdd0011223344556677889'",
            "msg_tg0199aabbccdd00112233445566778899",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
