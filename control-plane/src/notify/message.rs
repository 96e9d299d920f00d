//! What an alert says of each thing that happens. Pure.

use crate::domain::{Level, NewAlert};
use crate::store::Notice;

const MINUTE_MS: i64 = 60_000;

/// Bytes of a text, which may name very many groups.
const MAX_TEXT: usize = 4_000;
/// Of a subject; as long as the database lets it be.
const MAX_SUBJECT: usize = 600;

pub(super) fn of(notice: Notice) -> NewAlert {
    let alert = words(notice);
    NewAlert {
        subject: shortened(alert.subject, MAX_SUBJECT),
        text: shortened(alert.text, MAX_TEXT),
        ..alert
    }
}

fn words(notice: Notice) -> NewAlert {
    match notice {
        Notice::BalanceLow {
            group,
            balance,
            threshold,
        } => NewAlert {
            level: Level::Error,
            kind: "balance_low",
            title: format!("The balance of group {group} is low"),
            text: format!(
                "Group {group} has {balance} USD left, which is below its threshold of \
                 {threshold} USD."
            ),
            subject: group,
            quiet_ms: 30 * MINUTE_MS,
        },
        Notice::ConsumeFailed {
            group,
            amount,
            error,
        } => NewAlert {
            level: Level::Error,
            kind: "consume_failed",
            title: format!("A balance service did not take usage of group {group}"),
            text: format!("{amount} USD: {error}. It is told again, until it does."),
            subject: group,
            quiet_ms: 10 * MINUTE_MS,
        },
        Notice::SpendsMuch {
            group,
            today,
            average,
        } => NewAlert {
            level: Level::Warn,
            kind: "usage",
            title: format!("Group {group} spends far more than it did"),
            text: format!("{today} USD today, after {average} USD a day on the three days before."),
            subject: group,
            quiet_ms: 24 * 60 * MINUTE_MS,
        },
        Notice::BalanceUnknown { group, error } => NewAlert {
            level: Level::Error,
            kind: "balance_unknown",
            title: format!("The balance of group {group} is not known"),
            text: format!("Its balance service: {error}."),
            subject: group,
            quiet_ms: 30 * MINUTE_MS,
        },
        Notice::ChannelBanned {
            channel,
            name,
            model,
            why,
        } => NewAlert {
            level: Level::Error,
            kind: "channel_banned",
            title: format!("Channel {name} ({channel}) is banned for {model}"),
            text: format!(
                "{why}. It is tried out until it answers, and for a few minutes at most."
            ),
            subject: of_channel(channel, &model),
            quiet_ms: 15 * MINUTE_MS,
        },
        Notice::ChannelRecovered {
            channel,
            name,
            model,
        } => NewAlert {
            level: Level::Info,
            kind: "channel_recovered",
            title: format!("Channel {name} ({channel}) serves {model} again"),
            text: "A test of it went well.".into(),
            subject: of_channel(channel, &model),
            quiet_ms: 15 * MINUTE_MS,
        },
        Notice::ErrorsMany {
            channel,
            name,
            model,
            errors,
            attempts,
        } => NewAlert {
            level: Level::Warn,
            kind: "error_rate",
            title: format!("Channel {name} ({channel}) often fails with {model}"),
            text: format!("{errors} of the {attempts} attempts of the last two minutes failed."),
            subject: of_channel(channel, &model),
            quiet_ms: 15 * MINUTE_MS,
        },
        Notice::NoPermission {
            channel,
            name,
            model,
            status,
        } => NewAlert {
            level: Level::Error,
            kind: "no_permission",
            title: format!("Channel {name} ({channel}) is refused"),
            text: format!("Its provider answered with {status} to a call of {model}."),
            subject: of_channel(channel, &model),
            quiet_ms: 15 * MINUTE_MS,
        },
        Notice::ChannelBalanceLow {
            channel,
            name,
            balance,
            threshold,
        } => NewAlert {
            level: Level::Error,
            kind: "channel_balance_low",
            title: format!("The balance of channel {name} ({channel}) is low"),
            text: format!(
                "{balance} is left at its provider, which is below its threshold of {threshold}."
            ),
            subject: channel.to_string(),
            quiet_ms: 180 * MINUTE_MS,
        },
        Notice::ChannelBalanceUnknown {
            channel,
            name,
            error,
        } => NewAlert {
            level: Level::Error,
            kind: "channel_balance_unknown",
            title: format!("The balance of channel {name} ({channel}) is not known"),
            text: format!("{error}."),
            subject: channel.to_string(),
            quiet_ms: 180 * MINUTE_MS,
        },
        Notice::SharedKeys { address, groups } => NewAlert {
            level: Level::Warn,
            kind: "shared_keys",
            title: format!("{address} uses the keys of {} groups", groups.len()),
            text: format!("Within an hour: {}.", groups.join(", ")),
            subject: address,
            quiet_ms: 180 * MINUTE_MS,
        },
        Notice::AddressBanned { address, groups } => NewAlert {
            level: Level::Error,
            kind: "address_banned",
            title: format!("{address} is black-listed"),
            text: format!(
                "It used the keys of {} groups within an hour, which are disabled now: {}.",
                groups.len(),
                groups.join(", ")
            ),
            subject: address,
            quiet_ms: 0,
        },
    }
}

/// A model of a channel, as a subject.
fn of_channel(channel: i64, model: &str) -> String {
    format!("{channel}: {model}")
}

fn shortened(mut text: String, max: usize) -> String {
    if text.len() > max {
        const MORE: &str = "…";
        text.truncate(text.floor_char_boundary(max - MORE.len()));
        text.push_str(MORE);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_groups_there_are_the_text_has_an_end() {
        let alert = of(Notice::SharedKeys {
            address: "203.0.113.9".into(),
            groups: vec!["é".repeat(100); 1000],
        });
        assert!(alert.text.len() <= MAX_TEXT && alert.text.ends_with('…'));
        assert_eq!(alert.title, "203.0.113.9 uses the keys of 1000 groups");
    }

    #[test]
    fn money_is_exact() {
        let alert = of(Notice::BalanceLow {
            group: "g".into(),
            balance: tollgate_policy::price::NanoUsd(-1),
            threshold: tollgate_policy::price::NanoUsd(2_500_000_000),
        });
        let says = "Group g has -0.000000001 USD left, which is below its threshold of 2.5 USD.";
        assert_eq!((alert.text.as_str(), alert.subject.as_str()), (says, "g"));
    }
}
