//! Decisions about a request, without IO, clock or randomness: whose token it is and what it may do
//! ([`auth`]), whether it must wait ([`limits`]) and whether its budgets reach ([`lease`]), which
//! channels may serve it and in which order ([`routing`]), and what it costs
//! ([`price`]). Time and random bits are arguments.

pub mod auth;
pub mod lease;
pub mod limits;
pub mod price;
pub mod routing;
mod subnet;

pub use subnet::Subnet;
