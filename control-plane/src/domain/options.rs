//! Options: settings that an administrator changes while everything runs. Names, meaning and the
//! priority of the environment over the database are AI Proxy's.
//!
//! Each is one entry of [`ALL`]; who needs one asks [`Options`] for it by that entry.

mod definitions;
mod rule;

use std::collections::BTreeMap;

pub use definitions::*;
pub use rule::{InvalidOption, Mappings, Models, Ratio, Rule};
use serde::de::DeserializeOwned;
use tollgate_policy::price::NanoUsd;

use super::Share;

/// One option: what it is called, what it may be, whom a change concerns.
#[derive(Debug, PartialEq, Eq)]
pub struct Definition {
    pub name: &'static str,
    /// The environment variable that overrides what is stored.
    pub env: &'static str,
    pub default: &'static str,
    pub rule: Rule,
    pub reach: Reach,
    /// One sentence for whoever sets it.
    pub about: &'static str,
}

/// Who must hear of a change at once. Everybody else reads options when they use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nobody.
    ControlPlane,
    /// Gateways, through their configuration.
    Gateways,
    /// Gateways, through what is resolved into every token.
    Tokens,
}

/// Where the value of an option comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Default,
    Stored,
    Environment,
}

/// The values of all options at one moment. All of them keep their rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options(BTreeMap<&'static str, (String, Source)>);

/// The option with this name.
#[must_use]
pub fn definition(name: &str) -> Option<&'static Definition> {
    ALL.iter().find(|option| option.name == name).copied()
}

/// The options that the environment sets, by name.
///
/// # Errors
/// The first whose value breaks its rule, named by its variable.
pub fn from_environment(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<&'static str, String>, InvalidOption> {
    let mut set = BTreeMap::new();
    for option in ALL {
        let Some(value) = variable(option.env).filter(|value| !value.is_empty()) else {
            continue;
        };
        let value = option.rule.read(option.env, &value)?;
        set.insert(option.name, value);
    }
    Ok(set)
}

// === impl Options ===

impl Options {
    /// What holds: the environment's value, else the stored one, else the default. A stored value
    /// that breaks its rule, as after a change of the rule, is reported and left out.
    #[must_use]
    pub fn new(
        environment: &BTreeMap<&'static str, String>,
        stored: &BTreeMap<String, String>,
    ) -> Self {
        let value = |option: &Definition| {
            if let Some(value) = environment.get(option.name) {
                return (value.clone(), Source::Environment);
            }
            match stored.get(option.name) {
                Some(value) => match option.rule.read(option.name, value) {
                    Ok(value) => (value, Source::Stored),
                    Err(error) => {
                        tracing::error!(%error, "a stored option is not used");
                        (option.default.to_owned(), Source::Default)
                    }
                },
                None => (option.default.to_owned(), Source::Default),
            }
        };
        Self(
            ALL.iter()
                .map(|option| (option.name, value(option)))
                .collect(),
        )
    }

    /// As text, and where it comes from.
    #[must_use]
    pub fn text(&self, option: &Definition) -> (&str, Source) {
        match self.0.get(option.name) {
            Some((value, source)) => (value, *source),
            None => (option.default, Source::Default),
        }
    }

    #[must_use]
    pub fn flag(&self, option: &Definition) -> bool {
        self.text(option).0 == "true"
    }

    #[must_use]
    pub fn whole(&self, option: &Definition) -> i64 {
        self.text(option).0.parse().unwrap_or_default()
    }

    #[must_use]
    pub fn amount(&self, option: &Definition) -> NanoUsd {
        rule::amount(self.text(option).0).unwrap_or_default()
    }

    /// Amounts in USD and the ratio from each on, in rising order.
    #[must_use]
    pub fn ratios(&self, option: &Definition) -> Vec<Ratio> {
        rule::ratios(self.text(option).0).unwrap_or_default()
    }

    #[must_use]
    pub fn names(&self, option: &Definition) -> Vec<String> {
        rule::names(self.text(option).0).unwrap_or_default()
    }

    #[must_use]
    pub fn share(&self, option: &Definition) -> Share {
        rule::share(self.text(option).0).unwrap_or_default()
    }

    /// Of an option by type of channel.
    #[must_use]
    pub fn by_type<T: DeserializeOwned>(&self, option: &Definition) -> BTreeMap<i64, T> {
        serde_json::from_str(self.text(option).0).unwrap_or_default()
    }

    #[must_use]
    pub fn zone(&self, option: &Definition) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(self.text(option).0).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

impl Default for Options {
    /// Nothing is set anywhere.
    fn default() -> Self {
        Self::new(&BTreeMap::new(), &BTreeMap::new())
    }
}

#[cfg(test)]
mod tests;
