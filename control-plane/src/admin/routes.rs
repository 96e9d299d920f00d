//! Routes, each with a statement of who may use it. One without a statement is for administrators
//! alone.

use std::collections::BTreeMap;

use axum::Router;

use super::State;
use super::access::{Access, Allowed};
use super::methods::{Methods, Operation};
pub(super) use super::methods::{delete, get, post};

/// A part of the API: its router, and who may use which of its paths.
#[derive(Debug, Default)]
pub(super) struct Routes {
    router: Router<State>,
    stated: BTreeMap<String, Allowed>,
    /// By path, in the order of their methods.
    operations: BTreeMap<String, Vec<Operation>>,
}

// === impl Routes ===

impl Routes {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// For administrators alone.
    pub(super) fn route(self, path: &str, methods: Methods) -> Self {
        self.stated(Allowed::ADMINISTRATORS, path, methods)
    }

    /// Read-only users may `GET` it.
    pub(super) fn read(self, path: &str, methods: Methods) -> Self {
        self.stated(Allowed::READ, path, methods)
    }

    /// It changes nothing, whatever its method: read-only users may use it.
    pub(super) fn ask(self, path: &str, methods: Methods) -> Self {
        self.stated(Allowed::all(Access::Readers), path, methods)
    }

    /// About what a user owns: read-only users may `GET` it.
    pub(super) fn own(self, path: &str, methods: Methods) -> Self {
        let allowed = Allowed {
            reading: Access::SignedIn,
            writing: Access::Owners,
        };
        self.stated(allowed, path, methods)
    }

    /// About a user's own session.
    pub(super) fn signed_in(self, path: &str, methods: Methods) -> Self {
        self.stated(Allowed::all(Access::SignedIn), path, methods)
    }

    /// Nobody is asked who they are.
    pub(super) fn anyone(self, path: &str, methods: Methods) -> Self {
        self.stated(Allowed::all(Access::Anyone), path, methods)
    }

    pub(super) fn merge(mut self, other: Self) -> Self {
        self.stated.extend(other.stated);
        self.operations.extend(other.operations);
        self.router = self.router.merge(other.router);
        self
    }

    /// What each path knows to do.
    #[cfg(test)]
    pub(super) fn operations(&self) -> &BTreeMap<String, Vec<Operation>> {
        &self.operations
    }

    /// The router, and the statements of its paths.
    pub(super) fn split(self) -> (Router<State>, BTreeMap<String, Allowed>) {
        (self.router, self.stated)
    }

    fn stated(mut self, allowed: Allowed, path: &str, methods: Methods) -> Self {
        self.stated.insert(path.to_owned(), allowed);
        self.operations.insert(path.to_owned(), methods.operations);
        self.router = self.router.route(path, methods.router);
        self
    }
}
