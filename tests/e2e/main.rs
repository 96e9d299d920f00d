//! Everything that issue-level promises say, shown from outside on real Envoy. One binary, so that
//! scenarios can share a gateway; each module is one promise.

mod sdk;
mod the_provider;
