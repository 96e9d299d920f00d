//! Limits, as they travel on the meter stream: with the token that is under them, and the part of
//! them that a gateway has.

use prost::Message;

use crate::Ceiling;
use crate::meter::TokenRecord;
use crate::names::of_model;

/// How much may be asked for; 0 is without limit.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Limits {
    /// Requests per minute.
    #[prost(uint64, tag = "1")]
    pub rpm: u64,
    /// Tokens per minute, of input and output together.
    #[prost(uint64, tag = "2")]
    pub tpm: u64,
    /// Requests that are under way at the same time.
    #[prost(uint64, tag = "3")]
    pub max_concurrency: u64,
}

/// What a group has instead of what a model has itself.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ModelLimits {
    #[prost(string, tag = "1")]
    pub model: String,
    #[prost(message, optional, tag = "2")]
    pub limits: Option<Limits>,
    /// It has a price of its own, and its calls cost at most what follows, see
    /// [`ModelLimits::ceiling`].
    #[prost(bool, tag = "3")]
    pub is_priced: bool,
    #[prost(uint64, tag = "4")]
    pub request_nano_usd: u64,
    #[prost(uint64, tag = "5")]
    pub input_nano_usd: u64,
    #[prost(uint64, tag = "6")]
    pub output_nano_usd: u64,
    #[prost(uint64, tag = "7")]
    pub search_nano_usd: u64,
    /// Further attempts; 0: as for models that do not say.
    #[prost(uint32, optional, tag = "8")]
    pub retry_times: Option<u32>,
    /// As the model's; 0: as long as the route allows.
    #[prost(uint32, optional, tag = "9")]
    pub request_timeout_s: Option<u32>,
    #[prost(uint32, optional, tag = "10")]
    pub stream_timeout_s: Option<u32>,
}

/// Which part of every limit a gateway has: limits hold over all gateways together.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Share {
    /// How many gateways there are; 0 is 1.
    #[prost(uint64, tag = "1")]
    pub nodes: u64,
    /// The place of this one among them, from 0.
    #[prost(uint64, tag = "2")]
    pub index: u64,
    /// Rates are counted for all gateways together ([`crate::together`]); a part is what counts while
    /// nobody does.
    #[prost(bool, tag = "3")]
    pub is_counted_together: bool,
}

// === impl TokenRecord ===

impl TokenRecord {
    /// What its group has of its own with a model, spelled in any case.
    #[must_use]
    pub fn own(&self, model: &str) -> Option<&ModelLimits> {
        of_model(&self.model_limits, model, |own| &own.model)
    }
}

// === impl ModelLimits ===

impl ModelLimits {
    /// Where the group has a price of its own.
    #[must_use]
    pub fn ceiling(&self) -> Option<Ceiling> {
        self.is_priced.then_some(Ceiling {
            request: self.request_nano_usd,
            input: self.input_nano_usd,
            output: self.output_nano_usd,
            search: self.search_nano_usd,
        })
    }
}

// === impl Limits ===

impl Limits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
