//! Bodies of requests on their way to the log: which are wanted, and how they travel.

use prost::Message;
use serde::{Deserialize, Serialize};

/// Which bodies are wanted, as it is published. Without it no byte of any body is copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Of all requests.
    #[serde(default)]
    pub all: bool,
    /// Of those that failed.
    #[serde(default)]
    pub errors: bool,
    /// So many bytes of what the caller sent.
    pub request_bytes: u32,
    /// And of what it got.
    pub response_bytes: u32,
}

/// More than this of a body is never copied, whatever the configuration says.
pub const BODY_BYTES_MAX: u32 = 64 << 10;

/// The beginning of what a caller sent and got, as it was.
#[derive(Clone, PartialEq, Message)]
pub struct Detail {
    /// Of the usage event.
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub group: String,
    #[prost(bytes = "vec", tag = "3")]
    pub request: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub response: Vec<u8>,
    /// There was more of it.
    #[prost(bool, tag = "5")]
    pub request_truncated: bool,
    #[prost(bool, tag = "6")]
    pub response_truncated: bool,
}
