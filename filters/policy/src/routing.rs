//! Which channels may serve a request, and in which order they are tried.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use tollgate_config::meter::TokenRecord;
use tollgate_config::{Channel, GatewayConfig};

use crate::auth::allows_model;

/// A priority of 0 or less counts as this.
const PRIORITY_DEFAULT: u64 = 10;

/// Channels by the model that they serve, made once per configuration.
#[derive(Debug, Default)]
pub struct Routes {
    /// Lower-case model → (its name, indices into `GatewayConfig::channels`). The name is the one that
    /// its config has, under which it is priced, limited and logged, whatever channels call it; where it
    /// has none, that of the first channel.
    by_model: ByModel,
}

/// Administrators made up the names, so that nobody can choose where they fall.
type ByModel = HashMap<String, (String, Vec<usize>), FxBuildHasher>;

/// Why a model cannot be served to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// No channel of the token's sets serves it.
    UnknownModel,
    /// The token's own list leaves it out.
    ModelNotAllowed,
}

/// A model by its one name, with the channels that may serve it, as places in
/// `GatewayConfig::channels`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates<'a> {
    pub model: &'a str,
    pub channels: Vec<usize>,
}

impl Routes {
    #[must_use]
    pub fn new(config: &GatewayConfig) -> Self {
        let configured = config.models.iter().rev().map(|it| &it.model);
        let configured: HashMap<String, &String, FxBuildHasher> = configured
            .map(|model| (model.to_ascii_lowercase(), model))
            .collect();
        let mut by_model = ByModel::default();
        for (index, channel) in config.channels.iter().enumerate() {
            for model in &channel.models {
                let key = model.to_ascii_lowercase();
                let name = configured.get(&key).copied().unwrap_or(model);
                let (_, channels) = by_model
                    .entry(key)
                    .or_insert_with(|| (name.clone(), Vec::new()));
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
        let serves = |index: &usize| {
            let channel = config.channels.get(*index);
            channel.is_some_and(|channel| is_for(channel, token))
        };
        let channels: Vec<usize> = indices.iter().copied().filter(serves).collect();
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
        let mut models: Vec<&str> = Vec::new();
        for (name, indices) in self.by_model.values() {
            let mut channels = indices
                .iter()
                .filter_map(|index| config.channels.get(*index));
            // Each goes to its place: sorting them would be nine kilobytes of the filter.
            if allows_model(token, name)
                && channels.any(|channel| is_for(channel, token))
                && let Err(place) = models.binary_search(&name.as_str())
            {
                models.insert(place, name);
            }
        }
        models
    }
}

/// Orders channels at random, weighted by priority: a channel of priority 20 comes before one of
/// priority 10 in two of three requests. Those that are banned for the model come last. `random`
/// gives fresh bits for each draw.
#[must_use]
pub fn order(
    config: &GatewayConfig,
    channels: &[usize],
    model: &str,
    mut random: impl FnMut() -> u64,
) -> Vec<usize> {
    let mut left = channels.to_vec();
    let mut ordered = Vec::with_capacity(left.len());
    while left.len() > 1 {
        // Of those that are left when only banned ones are, the first is as good as any.
        let weight = |index: &usize| match config.channels.get(*index) {
            Some(channel)
                if !channel
                    .banned
                    .iter()
                    .any(|banned| banned.eq_ignore_ascii_case(model)) =>
            {
                weight(channel)
            }
            _ => 0,
        };
        let total: u64 = left.iter().map(weight).sum();
        let mut ticket = random() % total.max(1);
        let drawn = left.iter().position(|index| {
            let weight = weight(index);
            let hit = ticket < weight;
            ticket = ticket.saturating_sub(weight);
            hit
        });
        ordered.push(left.swap_remove(drawn.unwrap_or(0)));
    }
    ordered.extend(left);
    ordered
}

fn weight(channel: &Channel) -> u64 {
    u64::try_from(channel.priority)
        .ok()
        .filter(|p| *p > 0)
        .unwrap_or(PRIORITY_DEFAULT)
}

/// Whether a channel is there for a token: by its sets, unless the token goes to one channel alone.
fn is_for(channel: &Channel, token: &TokenRecord) -> bool {
    match token.only_channel {
        Some(id) => channel.id == id,
        None => channel.sets.iter().any(|set| token.sets.contains(set)),
    }
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
            embeddings: None,
            scheme: "http".into(),
            authority: "example.com".into(),
            base_path: String::new(),
            headers: Default::default(),
            models: models.iter().map(|m| (*m).to_owned()).collect(),
            model_mapping: Default::default(),
            sets: sets.iter().map(|s| (*s).to_owned()).collect(),
            priority,
            ..Channel::default()
        }
    }

    fn config(channels: Vec<Channel>) -> GatewayConfig {
        GatewayConfig {
            max_body_bytes: 0,
            stores_responses: false,
            closed: false,
            retry_times: None,
            own_details: Vec::new(),
            banned: Vec::new(),
            max_response_bytes: 0,
            details: None,
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
            routes.candidates(&config, token, model).map(|c| c.channels)
        };
        let both = token(&["default", "vip"], &[]);
        let basic = token(&["default"], &[]);
        assert_eq!(ids(&both, "gpt-5"), Ok(vec![0, 1]));
        assert_eq!(ids(&basic, "Gpt-5"), Ok(vec![0]));
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
    fn a_model_has_the_name_of_its_config_whatever_channels_call_it() {
        let channels = vec![
            channel(1, 10, &["GPT-5", "Own"], &["vip"]),
            channel(2, 10, &["gpt-5", "OWN"], &["default"]),
        ];
        let named = |model: &str| tollgate_config::Model {
            model: model.to_owned(),
            ..Default::default()
        };
        let config = GatewayConfig {
            // The first of two that differ in case alone, as everywhere.
            models: vec![named("gpt-5"), named("Gpt-5")],
            ..config(channels)
        };
        let routes = Routes::new(&config);
        for (sets, allowed, asked, name, index) in [
            (&["default"][..], &[][..], "gpt-5", "gpt-5", vec![1]),
            (&["default"], &["GPT-5"], "GPT-5", "gpt-5", vec![1]),
            (&["vip"], &[], "gpt-5", "gpt-5", vec![0]),
            (
                &["vip", "default"],
                &["gpt-5"],
                "Gpt-5",
                "gpt-5",
                vec![0, 1],
            ),
            (&["default"], &["own"], "own", "Own", vec![1]),
        ] {
            let found = routes.candidates(&config, &token(sets, allowed), asked);
            let found = found.map(|it| (it.model, it.channels));
            assert_eq!(found, Ok((name, index)), "{sets:?} {asked}");
        }
        let listed = routes.models(&config, &token(&["default"], &[]));
        assert_eq!(listed, ["Own", "gpt-5"]);
    }

    #[test]
    fn a_test_call_goes_to_its_channel_and_to_no_other() {
        let config = config(vec![
            channel(1, 10, &["m"], &["default"]),
            channel(-2, 10, &["m", "n"], &[]),
        ]);
        let routes = Routes::new(&config);
        for (only, model, expected) in [
            (Some(1), "m", Ok(vec![0])),
            (Some(-2), "m", Ok(vec![1])),
            (Some(1), "n", Err(NoRoute::UnknownModel)),
            (Some(0), "m", Err(NoRoute::UnknownModel)),
            (None, "m", Ok(vec![0])),
            (None, "n", Err(NoRoute::UnknownModel)),
        ] {
            let token = TokenRecord {
                only_channel: only,
                ..token(&["default"], &[])
            };
            let found = routes.candidates(&config, &token, model);
            assert_eq!(found.map(|it| it.channels), expected, "{only:?} {model}");
        }
    }

    #[test]
    fn every_channel_comes_once_and_weight_decides_who_is_first() {
        let config = config(vec![channel(1, 10, &[], &[]), channel(2, 30, &[], &[])]);
        let mut firsts = 0;
        for ticket in 0..40 {
            let mut order = order(&config, &[0, 1], "m", || ticket);
            firsts += u32::from(order.first() == Some(&1));
            order.sort_unstable();
            assert_eq!(order, [0, 1]);
        }
        assert_eq!(firsts, 30);
    }

    #[test]
    fn who_is_banned_for_the_model_comes_last() {
        let mut config = config(vec![
            channel(1, 1000, &[], &[]),
            channel(2, 1, &[], &[]),
            channel(3, 1, &[], &[]),
        ]);
        config.channels[0].banned = vec!["M".into()];
        for ticket in 0..10 {
            let of = |model| order(&config, &[0, 1, 2], model, || ticket);
            assert_eq!(of("m").last(), Some(&0));
            assert_eq!(of("n").first(), Some(&0));
        }
        for channel in &mut config.channels {
            channel.banned = vec!["m".into()];
        }
        let mut all = order(&config, &[0, 1, 2], "m", || 7);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
    }
}
