//! Rate limits that all gateways count together, where the control plane has a place for it.
//!
//! A worker asks by a call of its own (`tollgate.limits.v1.Limits/Admit`, protobuf, [`Counted`] up and
//! [`Admitted`] down), because it is the request itself that waits for the answer. What the call used
//! in the end goes with its usage event, as a [`Counted`] again.

use prost::Message;

/// gRPC service and method by which a worker has a call counted.
pub const SERVICE: &str = "tollgate.limits.v1.Limits";
pub const METHOD: &str = "Admit";

/// What a call takes of its limits: all of it or nothing.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Counted {
    #[prost(message, repeated, tag = "1")]
    pub rates: Vec<Rates>,
    /// Tokens that it reserves from each.
    #[prost(uint64, tag = "2")]
    pub tokens: u64,
    /// At its end: [`Admitted::at_ms`] of when it was let through.
    #[prost(int64, tag = "3")]
    pub at_ms: i64,
    /// At its end: the tokens that it used.
    #[prost(uint64, tag = "4")]
    pub used: u64,
    /// At its end: it was refused elsewhere, and never was a request. Before: it is none, and nothing is
    /// to be taken.
    #[prost(bool, tag = "5")]
    pub is_void: bool,
}

/// Somebody's limits per minute; 0 is without limit.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Rates {
    /// Whose, as a hash.
    #[prost(fixed64, tag = "1")]
    pub key: u64,
    #[prost(uint64, tag = "2")]
    pub rpm: u64,
    #[prost(uint64, tag = "3")]
    pub tpm: u64,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Admitted {
    /// When, by the clock of who counts, in Unix milliseconds. 0: nobody counts at the moment.
    #[prost(int64, tag = "1")]
    pub at_ms: i64,
    /// Place of the [`Rates`] that refuse the call, from 1; 0: it is let through.
    #[prost(uint64, tag = "2")]
    pub refused_by: u64,
    /// They refuse it for its tokens.
    #[prost(bool, tag = "3")]
    pub for_tokens: bool,
    /// Until it would be let through if nobody else came.
    #[prost(uint64, tag = "4")]
    pub wait_ms: u64,
    /// Of those that refuse it, else of those of which the least is left: limit (0: without limit),
    /// what is left of it, and milliseconds until all of it is.
    #[prost(uint64, tag = "5")]
    pub requests: u64,
    #[prost(uint64, tag = "6")]
    pub requests_left: u64,
    #[prost(uint64, tag = "7")]
    pub requests_reset_ms: u64,
    /// The same of tokens.
    #[prost(uint64, tag = "8")]
    pub tokens: u64,
    #[prost(uint64, tag = "9")]
    pub tokens_left: u64,
    #[prost(uint64, tag = "10")]
    pub tokens_reset_ms: u64,
}
