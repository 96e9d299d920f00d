//! Which channels may serve a request, and in which order they are tried.

use std::collections::{HashMap, HashSet};

use tollgate_config::meter::TokenRecord;
use tollgate_config::{Channel, GatewayConfig};

use crate::auth::allows_model;

/// A priority of 0 or less counts as this.
const PRIORITY_DEFAULT: u64 = 10;

/// Channels by the model that they serve, made once per configuration.
#[derive(Debug, Default)]
pub struct Routes {
    /// Lower-case model → (its name as configured, indices into `GatewayConfig::channels`).
    by_model: HashMap<String, (String, Vec<usize>)>,
}

/// Why a model cannot be served to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// No channel of the token's sets serves it.
    UnknownModel,
    /// The token's own list leaves it out.
    ModelNotAllowed,
}

/// A model as its channels name it, with the channels that may serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates<'a> {
    pub model: &'a str,
    pub channels: Vec<&'a Channel>,
}

impl Routes {
    #[must_use]
    pub fn new(config: &GatewayConfig) -> Self {
        let mut by_model: HashMap<String, (String, Vec<usize>)> = HashMap::new();
        for (index, channel) in config.channels.iter().enumerate() {
            for model in &channel.models {
                let (_, channels) = by_model
                    .entry(model.to_ascii_lowercase())
                    .or_insert_with(|| (model.clone(), Vec::new()));
                if channels.last() != Some(&index) {
                    channels.push(index);
                }
            }
        }
        Self { by_model }
    }

    /// The channels that may serve `model` (any case) to `token`, in no order yet.
    ///
    /// # Errors
    /// A model that the token's list leaves out and one that does not exist differ: the first is
    /// 403, the second 404.
    pub fn candidates<'a>(
        &'a self,
        config: &'a GatewayConfig,
        token: &TokenRecord,
        model: &str,
    ) -> Result<Candidates<'a>, NoRoute> {
        let (name, indices) = self
            .by_model
            .get(&model.to_ascii_lowercase())
            .ok_or(NoRoute::UnknownModel)?;
        let channels: Vec<&Channel> = indices
            .iter()
            .filter_map(|index| config.channels.get(*index))
            .filter(|channel| shares_a_set(channel, token))
            .collect();
        if channels.is_empty() {
            return Err(NoRoute::UnknownModel);
        }
        if !allows_model(token, name) {
            return Err(NoRoute::ModelNotAllowed);
        }
        Ok(Candidates {
            model: name,
            channels,
        })
    }

    /// All models that `token` may use, by name.
    #[must_use]
    pub fn models<'a>(&'a self, config: &'a GatewayConfig, token: &TokenRecord) -> Vec<&'a str> {
        let mut models: Vec<&str> = self
            .by_model
            .values()
            .filter(|(name, indices)| {
                allows_model(token, name)
                    && indices
                        .iter()
                        .filter_map(|index| config.channels.get(*index))
                        .any(|channel| shares_a_set(channel, token))
            })
            .map(|(name, _)| name.as_str())
            .collect();
        models.sort_unstable();
        models
    }
}

/// Orders channels at random, weighted by priority: a channel of priority 20 comes before one of
/// priority 10 in two of three requests. `random` gives fresh bits for each draw.
#[must_use]
pub fn order<'a>(channels: &[&'a Channel], mut random: impl FnMut() -> u64) -> Vec<&'a Channel> {
    let mut seen = HashSet::new();
    let mut left: Vec<&Channel> = channels
        .iter()
        .copied()
        .filter(|channel| seen.insert(channel.id))
        .collect();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let total: u64 = left.iter().map(|channel| weight(channel)).sum();
        let mut ticket = random() % total.max(1);
        let drawn = left
            .iter()
            .position(|channel| {
                let weight = weight(channel);
                let hit = ticket < weight;
                ticket = ticket.saturating_sub(weight);
                hit
            })
            .unwrap_or(0);
        ordered.push(left.swap_remove(drawn));
    }
    ordered
}

fn weight(channel: &Channel) -> u64 {
    u64::try_from(channel.priority)
        .ok()
        .filter(|p| *p > 0)
        .unwrap_or(PRIORITY_DEFAULT)
}

fn shares_a_set(channel: &Channel, token: &TokenRecord) -> bool {
    channel.sets.iter().any(|set| token.sets.contains(set))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(id: i64, priority: i32, models: &[&str], sets: &[&str]) -> Channel {
        Channel {
            id,
            name: format!("c{id}"),
            cluster: format!("channel-{id}"),
            dialect: "openai-chat".into(),
            scheme: "http".into(),
            authority: "example.com".into(),
            base_path: String::new(),
            headers: Default::default(),
            models: models.iter().map(|m| (*m).to_owned()).collect(),
            model_mapping: Default::default(),
            sets: sets.iter().map(|s| (*s).to_owned()).collect(),
            priority,
        }
    }

    fn config(channels: Vec<Channel>) -> GatewayConfig {
        GatewayConfig {
            max_body_bytes: 0,
            max_response_bytes: 0,
            channels,
            models: vec![],
        }
    }

    fn token(sets: &[&str], models: &[&str]) -> TokenRecord {
        TokenRecord {
            sets: sets.iter().map(|s| (*s).to_owned()).collect(),
            models: models.iter().map(|m| (*m).to_owned()).collect(),
            ..TokenRecord::default()
        }
    }

    #[test]
    fn sets_models_and_lists_decide_together() {
        let config = config(vec![
            channel(1, 10, &["gpt-5", "gpt-5"], &["default"]),
            channel(2, 10, &["GPT-5", "claude"], &["vip"]),
        ]);
        let routes = Routes::new(&config);
        let ids = |token: &TokenRecord, model: &str| {
            routes
                .candidates(&config, token, model)
                .map(|c| c.channels.iter().map(|c| c.id).collect::<Vec<_>>())
        };
        let both = token(&["default", "vip"], &[]);
        let basic = token(&["default"], &[]);
        assert_eq!(ids(&both, "gpt-5"), Ok(vec![1, 2]));
        assert_eq!(ids(&basic, "Gpt-5"), Ok(vec![1]));
        assert_eq!(ids(&basic, "claude"), Err(NoRoute::UnknownModel));
        assert_eq!(ids(&basic, "nothing"), Err(NoRoute::UnknownModel));
        assert_eq!(
            ids(&token(&["vip"], &["gpt-5"]), "claude"),
            Err(NoRoute::ModelNotAllowed)
        );
        assert_eq!(routes.models(&config, &basic), ["gpt-5"]);
        assert_eq!(routes.models(&config, &both), ["claude", "gpt-5"]);
    }

    #[test]
    fn every_channel_comes_once_and_weight_decides_who_is_first() {
        let (light, heavy) = (channel(1, 10, &[], &[]), channel(2, 30, &[], &[]));
        let mut firsts = 0;
        for ticket in 0..40 {
            let order = order(&[&light, &heavy, &light], || ticket);
            let mut ids: Vec<_> = order.iter().map(|c| c.id).collect();
            firsts += u32::from(ids.first() == Some(&2));
            ids.sort_unstable();
            assert_eq!(ids, [1, 2]);
        }
        assert_eq!(firsts, 30);
    }
}
