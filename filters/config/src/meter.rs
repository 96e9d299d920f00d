//! Messages of the meter stream: one bidirectional gRPC stream from each Envoy's meter singleton
//! to the control plane (`tollgate.meter.v1.Meter/Connect`, protobuf).
//!
//! Down come tokens: first a snapshot, then deltas. Up goes usage, in batches that stay with the
//! meter until the control plane acknowledges their sequence number; the ledger takes each event
//! id once, so a batch that is sent twice is booked once. Responses that are kept for callers go up
//! in the same way, in batches of their own.
//!
//! The messages are written as Rust types rather than generated, so that the filter needs no
//! build script; the field numbers are the contract.

use prost::{Enumeration, Message, Oneof};

use crate::counting::Uncounted;
pub use crate::limits::{Limits, ModelLimits, Share};
use crate::together::Counted;

// === gateway → control plane ===

#[derive(Clone, PartialEq, Message)]
pub struct FromGateway {
    #[prost(oneof = "from_gateway::Kind", tags = "1, 2, 3, 4, 5, 10, 20")]
    pub kind: Option<from_gateway::Kind>,
}

pub mod from_gateway {
    use super::{Flushed, Hello, Oneof, TokensApplied, UsageBatch};
    use crate::leases::Leases;

    #[derive(Clone, PartialEq, Oneof)]
    pub enum Kind {
        #[prost(message, tag = "1")]
        Hello(Hello),
        #[prost(message, tag = "2")]
        Usage(UsageBatch),
        #[prost(message, tag = "3")]
        Applied(TokensApplied),
        #[prost(message, tag = "4")]
        Flushed(Flushed),
        /// Each event of it an encoded [`Stored`](crate::responses::Stored), numbered for itself.
        #[prost(message, tag = "5")]
        Responses(UsageBatch),
        /// Given back; the first on a stream, perhaps without any, says who holds leases here.
        #[prost(message, tag = "10")]
        Leases(Leases),
        /// Each event of it an encoded [`Detail`](crate::detail::Detail), numbered for itself.
        #[prost(message, tag = "20")]
        Details(UsageBatch),
    }
}

/// First message on every stream.
#[derive(Clone, PartialEq, Message)]
pub struct Hello {
    /// Envoy's node id.
    #[prost(string, tag = "1")]
    pub node: String,
    /// Usage events that did not fit into the bounded queue since the Envoy started.
    #[prost(uint64, tag = "2")]
    pub dropped_events: u64,
}

/// Usage events, oldest first. Sent again after a reconnect until acknowledged.
#[derive(Clone, PartialEq, Message)]
pub struct UsageBatch {
    /// Rises by one per batch within a stream.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// Each an encoded [`UsageEvent`]; the meter passes on what the workers wrote.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub events: Vec<Vec<u8>>,
    /// Events lost since the Envoy started because the bounded queue was full.
    #[prost(uint64, tag = "3")]
    pub dropped_events: u64,
    /// From a worker to the meter only: encoded [`Stored`](crate::responses::Stored).
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub responses: Vec<Vec<u8>>,
    /// From a worker to the meter only: encoded [`Detail`](crate::detail::Detail).
    #[prost(bytes = "vec", repeated, tag = "20")]
    pub details: Vec<Vec<u8>>,
    /// From a worker to the meter only: the rest of the one event that comes with it, an encoded
    /// [`UsageEvent`] that holds nothing but `uncounted`. The two one after the other are the
    /// whole event; where there is no room for the rest, the event goes without it.
    #[prost(bytes = "vec", tag = "70")]
    pub uncounted: Vec<u8>,
}

/// The workers can read every token up to this version.
#[derive(Clone, PartialEq, Message)]
pub struct TokensApplied {
    #[prost(uint64, tag = "1")]
    pub version: u64,
}

/// Everything that was enqueued before the matching [`Flush`] has been sent.
#[derive(Clone, PartialEq, Message)]
pub struct Flushed {
    #[prost(uint64, tag = "1")]
    pub nonce: u64,
}

// === control plane → gateway ===

#[derive(Clone, PartialEq, Message)]
pub struct FromControl {
    #[prost(oneof = "from_control::Kind", tags = "1, 2, 3, 4, 10, 15, 20")]
    pub kind: Option<from_control::Kind>,
}

pub mod from_control {
    use super::{Flush, Oneof, Share, Tokens, UsageAck};
    use crate::leases::Leases;

    #[derive(Clone, PartialEq, Oneof)]
    pub enum Kind {
        #[prost(message, tag = "1")]
        Tokens(Tokens),
        #[prost(message, tag = "2")]
        Ack(UsageAck),
        #[prost(message, tag = "3")]
        Flush(Flush),
        /// Of batches of responses.
        #[prost(message, tag = "4")]
        ResponsesAck(UsageAck),
        /// Whenever gateways come or go; until the first, all of every limit.
        #[prost(message, tag = "15")]
        Share(Share),
        /// Of batches of bodies.
        #[prost(message, tag = "20")]
        DetailsAck(UsageAck),
        /// To be given back, as far as no call uses them.
        #[prost(message, tag = "10")]
        Recall(Leases),
    }
}

/// A part of a snapshot, or a delta.
///
/// A snapshot may come in several parts (a gRPC message is at most 4 MiB): `snapshot` is set on
/// each, `last` on the final one, after which tokens that were in no part are forgotten. A delta
/// has `snapshot` unset and `last` set.
#[derive(Clone, PartialEq, Message)]
pub struct Tokens {
    #[prost(uint64, tag = "1")]
    pub version: u64,
    #[prost(bool, tag = "2")]
    pub snapshot: bool,
    #[prost(bool, tag = "3")]
    pub last: bool,
    #[prost(message, repeated, tag = "4")]
    pub updates: Vec<TokenUpdate>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TokenUpdate {
    /// SHA-256 of the token without its `sk-` prefix, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub hash: Vec<u8>,
    /// Absent: the token no longer exists.
    #[prost(message, optional, tag = "2")]
    pub record: Option<TokenRecord>,
}

/// What a worker needs to decide about a caller; its group's state is already resolved into it.
#[derive(Clone, PartialEq, Message)]
pub struct TokenRecord {
    #[prost(int64, tag = "1")]
    pub id: i64,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, tag = "3")]
    pub group: String,
    /// The token itself is enabled.
    #[prost(bool, tag = "4")]
    pub enabled: bool,
    /// The token's group is enabled.
    #[prost(bool, tag = "5")]
    pub group_enabled: bool,
    /// Sets of channels that the group may use.
    #[prost(string, repeated, tag = "6")]
    pub sets: Vec<String>,
    /// Models the token may use; empty: all that its sets serve.
    #[prost(string, repeated, tag = "7")]
    pub models: Vec<String>,
    /// CIDR blocks the caller's address must be in; empty: any.
    #[prost(string, repeated, tag = "8")]
    pub subnets: Vec<String>,
    /// There is nothing left in the group's wallet.
    #[prost(bool, tag = "50")]
    pub out_of_credit: bool,
    /// The token's own.
    #[prost(message, optional, tag = "30")]
    pub limits: Option<Limits>,
    /// Of each end user of the token's group.
    #[prost(message, optional, tag = "31")]
    pub user_limits: Option<Limits>,
    /// Of each address, whatever tokens are used from there.
    #[prost(message, optional, tag = "32")]
    pub ip_limits: Option<Limits>,
    /// What models' limits are multiplied with for the group, in millionths; 0 is 1.
    #[prost(uint64, tag = "33")]
    pub rpm_ratio: u64,
    #[prost(uint64, tag = "34")]
    pub tpm_ratio: u64,
    /// What the group has instead of some models' own limits and prices.
    #[prost(message, repeated, tag = "35")]
    pub model_limits: Vec<ModelLimits>,
    /// What the group pays of every price, in millionths, rounded up; absent: all of it.
    #[prost(uint64, optional, tag = "36")]
    pub price_multiplier: Option<u64>,
    /// Names of the budgets that its calls draw on (see [`crate::leases`]); empty: it may spend
    /// without limit.
    #[prost(string, repeated, tag = "20")]
    pub budgets: Vec<String>,
    /// The token is not valid from then on, in Unix milliseconds; 0: it does not expire.
    #[prost(int64, tag = "21")]
    pub expires_unix_ms: i64,
    /// Unix milliseconds from which on it is unknown: its token was rotated; 0: never.
    #[prost(int64, tag = "60")]
    pub ends_unix_ms: i64,
    /// The control plane's own token, for test calls: no caller's has it. Such a call is served by
    /// the channel that [`CHANNEL_HEADER`](crate::names::CHANNEL_HEADER) names and by no other,
    /// whatever its sets, is under no limit, and leaves no usage event. Here is 0; the worker that
    /// has read the header puts the channel's id in its place.
    #[prost(int64, optional, tag = "70")]
    pub only_channel: Option<i64>,
}

/// The control plane has booked every batch up to this sequence number.
#[derive(Clone, PartialEq, Message)]
pub struct UsageAck {
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
}

/// Asks the meter to send all it has and to answer with [`Flushed`].
#[derive(Clone, PartialEq, Message)]
pub struct Flush {
    #[prost(uint64, tag = "1")]
    pub nonce: u64,
}

// === usage ===

/// One request, from its first byte to its end, whatever happened to it.
#[derive(Clone, PartialEq, Message)]
pub struct UsageEvent {
    /// Made at the gateway, unique; also the request id that the caller sees.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Unix milliseconds.
    #[prost(int64, tag = "2")]
    pub started_unix_ms: i64,
    #[prost(int64, tag = "3")]
    pub duration_ms: i64,
    /// From the first request byte to the first response body byte; absent when none was sent.
    #[prost(int64, optional, tag = "4")]
    pub first_byte_ms: Option<i64>,
    /// 0 when the caller could not be identified.
    #[prost(int64, tag = "5")]
    pub token_id: i64,
    #[prost(string, tag = "6")]
    pub token_name: String,
    #[prost(string, tag = "7")]
    pub group: String,
    /// As the caller named it; empty when it was never read.
    #[prost(string, tag = "8")]
    pub model: String,
    #[prost(string, tag = "9")]
    pub method: String,
    /// Path without its query.
    #[prost(string, tag = "10")]
    pub path: String,
    /// The caller's dialect, such as `openai-chat`.
    #[prost(string, tag = "11")]
    pub dialect: String,
    #[prost(bool, tag = "12")]
    pub stream: bool,
    /// HTTP status that the caller got; 0 when the caller left before one was sent.
    #[prost(uint32, tag = "13")]
    pub status: u32,
    #[prost(enumeration = "Outcome", tag = "14")]
    pub outcome: i32,
    /// Error text as the caller saw it, redacted and bounded; empty on success.
    #[prost(string, tag = "15")]
    pub error: String,
    /// The caller's address.
    #[prost(string, tag = "16")]
    pub ip: String,
    /// `user` / `metadata.user_id` of the request.
    #[prost(string, tag = "17")]
    pub user: String,
    /// Absent when no upstream was reached or none told.
    #[prost(message, optional, tag = "18")]
    pub usage: Option<Usage>,
    /// In the order in which they were made; the last one served, if any did.
    #[prost(message, repeated, tag = "19")]
    pub attempts: Vec<Attempt>,
    /// The upstream's own id of the answer.
    #[prost(string, tag = "20")]
    pub upstream_id: String,
    /// What a translation had to drop, as `field: reason`.
    #[prost(string, repeated, tag = "21")]
    pub losses: Vec<String>,
    /// As what the call was served, such as `flex`; empty when neither answer nor request told.
    #[prost(string, tag = "40")]
    pub service_tier: String,
    /// Of what was made, such as `1024x1024` or `720p`, in the caller's words; empty when there is
    /// none.
    #[prost(string, tag = "41")]
    pub resolution: String,
    /// The same in the provider's words.
    #[prost(string, tag = "42")]
    pub native_resolution: String,
    /// Of what was made, such as `high`; empty when there is none.
    #[prost(string, tag = "43")]
    pub quality: String,
    /// Images, sound or films were among the input; absent when nobody looked.
    #[prost(bool, optional, tag = "44")]
    pub input_media: Option<bool>,
    /// A film was.
    #[prost(bool, optional, tag = "45")]
    pub input_video: Option<bool>,
    /// The answer speaks.
    #[prost(bool, optional, tag = "46")]
    pub output_audio: Option<bool>,
    /// Ids of the leases that the call drew on.
    #[prost(int64, repeated, tag = "50")]
    pub leases: Vec<i64>,
    /// What it drew from each of them, in nano-USD: no less than what it costs.
    #[prost(int64, tag = "51")]
    pub drawn_nano_usd: i64,
    /// What the control plane counts the usage from, where the upstream did not tell it.
    #[prost(message, optional, tag = "70")]
    pub uncounted: Option<Uncounted>,
    /// What it took of limits that are counted for all gateways together, and used.
    #[prost(message, optional, tag = "80")]
    pub counted: Option<Counted>,
}

/// One try at one channel.
#[derive(Clone, PartialEq, Message)]
pub struct Attempt {
    #[prost(int64, tag = "1")]
    pub channel_id: i64,
    /// Model name that was sent upstream.
    #[prost(string, tag = "2")]
    pub model: String,
    /// HTTP status of the upstream; 0 when there was no answer (refused, reset, timed out).
    #[prost(uint32, tag = "3")]
    pub status: u32,
    /// Milliseconds after the request's start.
    #[prost(int64, tag = "4")]
    pub started_ms: i64,
    /// Milliseconds from the attempt's start to its response headers; absent when none came.
    #[prost(int64, optional, tag = "5")]
    pub headers_ms: Option<i64>,
    /// Why the attempt failed, redacted and bounded; empty when it served.
    #[prost(string, tag = "6")]
    pub error: String,
}

/// Token counts of one answer.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Usage {
    /// Gross: cache reads and writes are part of it.
    #[prost(uint64, tag = "1")]
    pub input_tokens: u64,
    #[prost(uint64, tag = "2")]
    pub output_tokens: u64,
    #[prost(uint64, tag = "3")]
    pub cache_read_tokens: u64,
    /// Written to a cache that lives 5 minutes.
    #[prost(uint64, tag = "4")]
    pub cache_write_5m_tokens: u64,
    /// Written to a cache that lives 1 hour.
    #[prost(uint64, tag = "5")]
    pub cache_write_1h_tokens: u64,
    /// Part of `output_tokens`.
    #[prost(uint64, tag = "6")]
    pub reasoning_tokens: u64,
    /// Counted by the gateway, because the upstream did not tell.
    #[prost(bool, tag = "7")]
    pub estimated: bool,
    /// Part of `input_tokens`, like the next two; what came from a cache is left out where the
    /// provider tells.
    #[prost(uint64, tag = "10")]
    pub image_input_tokens: u64,
    #[prost(uint64, tag = "11")]
    pub audio_input_tokens: u64,
    #[prost(uint64, tag = "12")]
    pub video_input_tokens: u64,
    /// Part of `output_tokens`, like the next one.
    #[prost(uint64, tag = "13")]
    pub image_output_tokens: u64,
    #[prost(uint64, tag = "14")]
    pub audio_output_tokens: u64,
    /// Searches that the provider ran.
    #[prost(uint64, tag = "15")]
    pub web_searches: u64,
    /// Pages that the provider fetched.
    #[prost(uint64, tag = "16")]
    pub web_fetches: u64,
    /// Programs that the provider ran.
    #[prost(uint64, tag = "17")]
    pub code_runs: u64,
    /// Searches in files that the provider ran.
    #[prost(uint64, tag = "18")]
    pub file_searches: u64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum Outcome {
    Unspecified = 0,
    /// Answered whole.
    Success = 1,
    /// The gateway refused it; no upstream was called.
    Refused = 2,
    /// Every attempt failed.
    Failed = 3,
    /// The answer had begun and the upstream did not end it.
    Interrupted = 4,
    /// The caller left before the end.
    ClientGone = 5,
}
