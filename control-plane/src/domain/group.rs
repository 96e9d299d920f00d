//! A group: a customer or a team, who owns tokens and may use some sets of channels.

use tollgate_policy::price::{Multiplier, NanoUsd};

use super::{GroupLimits, GroupLimitsPatch, Status};

/// The set of a channel, and of a group, that names none.
pub const DEFAULT_SET: &str = "default";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Free text of whoever integrates; it is also the name.
    pub id: String,
    pub created_at_ms: i64,
    pub status: Status,
    /// Sets of channels that its tokens may use; never empty.
    pub available_sets: Vec<String>,
    pub limits: GroupLimits,
    pub used_amount: NanoUsd,
    pub request_count: i64,
    /// Whether somebody is told when the balance falls below the threshold.
    pub balance_alert_enabled: bool,
    pub balance_alert_threshold: NanoUsd,
    /// What it pays of every price.
    pub price_multiplier: Multiplier,
}

/// What a request wants a group to be.
#[derive(Debug, Clone, Default)]
pub struct GroupPatch {
    pub status: Option<Status>,
    pub available_sets: Option<Vec<String>>,
    pub balance_alert_enabled: Option<bool>,
    pub balance_alert_threshold: Option<NanoUsd>,
    pub limits: GroupLimitsPatch,
    pub price_multiplier: Option<Multiplier>,
}
