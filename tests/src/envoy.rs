//! Envoy's own admin interface, for what can be seen nowhere else.

use std::net::SocketAddr;

use crate::gateway::{Builder, Gateway};
use crate::http::Request;
use crate::ports::free_address;

/// The admin interface of the Envoy that a gateway runs. Left alone, it is a socket that only its
/// owner can open; tests that look at it ask for a port.
#[derive(Debug)]
pub struct EnvoyAdmin {
    address: SocketAddr,
}

impl EnvoyAdmin {
    /// A gateway whose Envoy can be looked at.
    #[must_use]
    #[track_caller]
    pub fn with(gateway: Builder) -> (Gateway, Self) {
        let address = free_address();
        let gateway = gateway
            .env("TOLLGATE_ENVOY_ADMIN", &address.to_string())
            .start();
        (gateway, Self { address })
    }

    /// # Panics
    /// When it does not answer with 200.
    #[must_use]
    #[track_caller]
    pub fn get(&self, page: &str) -> String {
        let answer = Request::get(page).send(self.address);
        let answer = answer.unwrap_or_else(|e| panic!("{page}: {e}"));
        assert_eq!(answer.status, 200, "{page}: {}", answer.text());
        answer.text()
    }
}
