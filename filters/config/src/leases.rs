//! Leases of budgets: what an Envoy may spend before the control plane has booked it.
//!
//! A worker that lacks room for a call asks for more by a call of its own
//! (`tollgate.leases.v1.Leases/Ask`, protobuf, [`Leases`] each way), because it is the request
//! itself that waits for the answer. The meter stream carries what nobody waits for: the control
//! plane names leases that are to be given back, and the meter says what it gave back.
//!
//! Amounts are nano-USD. `granted` and `returned` are sums since the lease began, so that a message
//! that is lost, doubled or overtaken changes nothing.

use prost::Message;

/// gRPC service and method by which a worker asks for more.
pub const SERVICE: &str = "tollgate.leases.v1.Leases";
pub const METHOD: &str = "Ask";

/// Shared-data key of the name under which this Envoy process holds leases. It is made anew with
/// the process, because what a process held ends with it.
pub const HOLDER_KEY: &str = "tollgate.holder";

/// What the names of budgets begin with; a token's id follows, or a group's.
pub const TOKEN_TOTAL: char = 'q';
pub const TOKEN_PERIOD: char = 'p';
pub const GROUP_BALANCE: char = 'g';

/// Shared-data key of an account. No other key begins like it.
#[must_use]
pub fn account_key(budget: &str) -> String {
    let mut key = String::with_capacity(2 + budget.len());
    key.push_str("b/");
    key.push_str(budget);
    key
}

/// Any number of leases: asked for, granted, to be given back, or given back.
#[derive(Clone, PartialEq, Message)]
pub struct Leases {
    /// Who holds them; only on the way up.
    #[prost(string, tag = "1")]
    pub holder: String,
    #[prost(message, repeated, tag = "2")]
    pub leases: Vec<Lease>,
}

/// One holder's lease of one budget.
#[derive(Clone, PartialEq, Message)]
pub struct Lease {
    /// Name of the budget, such as `q17`.
    #[prost(string, tag = "1")]
    pub budget: String,
    /// Of the lease; a later one of the same budget and holder has a higher id. 0: none yet.
    #[prost(int64, tag = "2")]
    pub id: i64,
    #[prost(int64, tag = "3")]
    pub granted: i64,
    #[prost(int64, tag = "4")]
    pub returned: i64,
    /// Up: what a call lacks.
    #[prost(int64, tag = "5")]
    pub need: i64,
    /// Down: the budget's window ends then, and the lease with it, in Unix milliseconds. 0: never.
    #[prost(int64, tag = "6")]
    pub until_unix_ms: i64,
    /// Down: all that is left of the budget is in this lease.
    #[prost(bool, tag = "7")]
    pub is_last: bool,
    /// Down: why there is nothing left, as the caller may read it. Empty: there is.
    #[prost(string, tag = "8")]
    pub exhausted: String,
}
