//! What people should hear of.

use tollgate_policy::price::NanoUsd;

/// Something that people should hear of. It changes nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// What a group may spend has fallen below the threshold that was set for it.
    BalanceLow {
        group: String,
        balance: NanoUsd,
        threshold: NanoUsd,
    },
    /// A service did not take what a group used. It is told again, until it does.
    ConsumeFailed {
        group: String,
        amount: NanoUsd,
        error: String,
    },
    /// A group spends far more today than on the days before.
    SpendsMuch {
        group: String,
        today: NanoUsd,
        average: NanoUsd,
    },
    /// A service does not tell what a group has left.
    BalanceUnknown { group: String, error: String },
    /// A model of a channel is not asked for while another channel can serve it.
    ChannelBanned {
        channel: i64,
        name: String,
        model: String,
        why: String,
    },
    /// It answers again, and is asked for like any other.
    ChannelRecovered {
        channel: i64,
        name: String,
        model: String,
    },
    /// A large share of the last attempts at a model of a channel failed.
    ErrorsMany {
        channel: i64,
        name: String,
        model: String,
        errors: i64,
        attempts: i64,
    },
    /// A provider refused a channel's key, or what it may do.
    NoPermission {
        channel: i64,
        name: String,
        model: String,
        status: u32,
    },
    /// The money at a channel's provider has fallen below its threshold.
    ChannelBalanceLow {
        channel: i64,
        name: String,
        balance: String,
        threshold: String,
    },
    /// The provider does not tell it.
    ChannelBalanceUnknown {
        channel: i64,
        name: String,
        error: String,
    },
    /// From one address, the keys of these groups were used within an hour.
    SharedKeys {
        address: String,
        groups: Vec<String>,
    },
    /// The same, of so many groups that the address was black-listed and the groups were disabled.
    AddressBanned {
        address: String,
        groups: Vec<String>,
    },
}

impl Notice {
    /// Says it in the program's log.
    pub(super) fn log(&self) {
        match self {
            Notice::BalanceLow {
                group,
                balance,
                threshold,
            } => {
                tracing::warn!(group, %balance, %threshold, "the balance of a group is low (USD)");
            }
            Notice::ConsumeFailed {
                group,
                amount,
                error,
            } => {
                tracing::warn!(group, %amount, error, "a balance service did not take usage (USD)");
            }
            Notice::SpendsMuch {
                group,
                today,
                average,
            } => {
                tracing::warn!(group, %today, %average, "a group spends far more than it did (USD)");
            }
            Notice::BalanceUnknown { group, error } => {
                tracing::warn!(group, error, "a service does not tell a group's balance");
            }
            Notice::ChannelBanned {
                channel,
                name,
                model,
                why,
            } => {
                tracing::error!(channel, name, model, why, "a model of a channel is banned");
            }
            Notice::ChannelRecovered {
                channel,
                name,
                model,
            } => {
                tracing::info!(
                    channel,
                    name,
                    model,
                    "a model of a channel is banned no more"
                );
            }
            Notice::ErrorsMany {
                channel,
                name,
                model,
                errors,
                attempts,
            } => {
                tracing::warn!(
                    channel,
                    name,
                    model,
                    errors,
                    attempts,
                    "a channel fails often"
                );
            }
            Notice::NoPermission {
                channel,
                name,
                model,
                status,
            } => {
                tracing::error!(channel, name, model, status, "a provider refuses a channel");
            }
            Notice::ChannelBalanceLow {
                channel,
                name,
                balance,
                threshold,
            } => {
                tracing::warn!(
                    channel,
                    name,
                    balance,
                    threshold,
                    "a channel's balance is low"
                );
            }
            Notice::ChannelBalanceUnknown {
                channel,
                name,
                error,
            } => {
                tracing::warn!(channel, name, error, "a channel's balance is not known");
            }
            Notice::SharedKeys { address, groups } => {
                tracing::warn!(
                    address,
                    ?groups,
                    "the keys of several groups are used by one address"
                );
            }
            Notice::AddressBanned { address, groups } => {
                tracing::error!(
                    address,
                    ?groups,
                    "an address used the keys of many groups: it is black-listed, they are disabled"
                );
            }
        }
    }
}
