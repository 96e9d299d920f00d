//! The demo provider: a real HTTP upstream that answers deterministically and costs nothing.
//!
//! It speaks OpenAI Chat Completions and Responses, Anthropic Messages and Gemini as their providers
//! do on the wire, and does what it is told: by its channel's configs, and by a directive in the last user message,
//!
//! ```text
//! [demo chunks=20 delay_ms=50 text="a slow answer" input_tokens=1000]
//! [demo tool=get_weather args={"city":"Paris"}]
//! [demo status=429 error="slow down" retry_after=2]
//! ```
//!
//! whose keys are listed in [`Behaviour`]. It calls nobody, keeps nothing and checks no key.

mod answer;
mod anthropic;
mod behaviour;
mod directive;
mod events;
mod gemini;
mod openai;
mod responses;
mod sample;
mod server;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

pub use behaviour::Behaviour;
pub use server::router;

/// Where the demo provider listens and how each channel wants it to behave. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Behaviours {
    address: SocketAddr,
    channels: Arc<RwLock<BTreeMap<i64, Behaviour>>>,
}

impl Behaviours {
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            channels: Arc::default(),
        }
    }

    /// As gateways reach it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn replace(&self, channels: BTreeMap<i64, Behaviour>) {
        *self
            .channels
            .write()
            .unwrap_or_else(PoisonError::into_inner) = channels;
    }

    /// The default behaviour for a channel that is not there (any more).
    fn of(&self, channel: i64) -> Behaviour {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.get(&channel).cloned().unwrap_or_default()
    }
}
