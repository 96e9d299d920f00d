//! Which bodies gateways are to send.

use tollgate_config::detail::Details;
use tollgate_config::names::of_model;
use tollgate_config::{GatewayConfig, OwnDetails};

use crate::domain::options::Options;
use crate::domain::{GroupModelConfig, ModelConfig, ModelSettings, wanted_details};

/// Says what holds for all, for models that differ, and for groups that differ with one. Where no bodies
/// are wanted at all, nothing is said, and gateways copy none.
pub(in crate::publish) fn add_details(
    gateway: &mut GatewayConfig,
    models: &[ModelConfig],
    groups: &[GroupModelConfig],
    options: &Options,
) {
    let usual = wanted_details(&ModelSettings::default(), options);
    let mut largest = usual;
    for published in &mut gateway.models {
        let config = models.iter().find(|it| it.model == published.model);
        let own = config.map_or(usual, |config| wanted_details(&config.settings, options));
        published.details = (own != usual).then_some(own);
        largest.request_bytes = largest.request_bytes.max(own.request_bytes);
        largest.response_bytes = largest.response_bytes.max(own.response_bytes);
    }
    gateway.own_details = own(models, groups, options);
    for own in &gateway.own_details {
        largest.request_bytes = largest.request_bytes.max(own.details.request_bytes);
        largest.response_bytes = largest.response_bytes.max(own.details.response_bytes);
    }
    let wants = |details: &Details| details.all || details.errors;
    let own = || {
        let groups = gateway.own_details.iter().map(|it| &it.details);
        let models = gateway.models.iter().filter_map(|it| it.details.as_ref());
        models.chain(groups)
    };
    // Before the model is known, as much is copied as any of them may want.
    gateway.details = (wants(&usual) || own().any(wants)).then_some(largest);
    if gateway.details.is_none() {
        for model in &mut gateway.models {
            model.details = None;
        }
        gateway.own_details = Vec::new();
    } else if largest != usual {
        for model in &mut gateway.models {
            model.details.get_or_insert(usual);
        }
    }
}

/// Of groups that have something of their own in this with a model.
fn own(models: &[ModelConfig], groups: &[GroupModelConfig], options: &Options) -> Vec<OwnDetails> {
    let nothing = ModelSettings::default();
    let differing = groups.iter().filter(|it| it.overrides.has_details());
    let own = differing.map(|config| {
        let model = of_model(models, &config.model, |it| &it.model);
        let settings = model.map_or(&nothing, |model| &model.settings);
        OwnDetails {
            group: config.group.clone(),
            model: config.model.clone(),
            details: wanted_details(&config.overrides.details(settings), options),
        }
    });
    own.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tollgate_config::Model;

    use super::*;
    use crate::domain::Overrides;

    fn published(rules: &[ModelSettings], options: &[(&str, &str)]) -> GatewayConfig {
        published_with(rules, &[], options)
    }

    fn published_with(
        rules: &[ModelSettings],
        groups: &[GroupModelConfig],
        options: &[(&str, &str)],
    ) -> GatewayConfig {
        let stored: BTreeMap<String, String> = options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let options = Options::new(&BTreeMap::new(), &stored);
        let config = |(at, settings): (usize, &ModelSettings)| ModelConfig {
            model: format!("m{at}"),
            created_at_ms: 0,
            updated_at_ms: 0,
            owner: String::new(),
            kind: 0,
            price: Default::default(),
            retry_times: None,
            config: serde_json::Map::new(),
            settings: settings.clone(),
            limits: Default::default(),
        };
        let configs: Vec<_> = rules.iter().enumerate().map(config).collect();
        let mut gateway: GatewayConfig = serde_json::from_str(
            r#"{"max_body_bytes":1,"max_response_bytes":1,"channels":[],"models":[]}"#,
        )
        .unwrap();
        gateway.models = configs
            .iter()
            .map(|config| Model {
                model: config.model.clone(),
                ..Model::default()
            })
            .collect();
        add_details(&mut gateway, &configs, groups, &options);
        gateway
    }

    #[test]
    fn without_a_wish_no_body_is_copied() {
        let sized = ModelSettings {
            request_body_storage_max_size: 100,
            ..ModelSettings::default()
        };
        let gateway = published(&[ModelSettings::default(), sized], &[]);
        assert_eq!(gateway.details, None);
        assert!(gateway.models.iter().all(|model| model.details.is_none()));
    }

    #[test]
    fn a_model_s_own_rules_come_before_the_options() {
        let forced = ModelSettings {
            force_save_detail: true,
            request_body_storage_max_size: 60_000,
            response_body_storage_max_size: -1,
            ..ModelSettings::default()
        };
        let gateway = published(&[forced, ModelSettings::default()], &[]);
        let details = gateway.details.unwrap();
        assert_eq!((details.all, details.errors), (false, false));
        assert_eq!(
            (details.request_bytes, details.response_bytes),
            (60_000, 8192)
        );
        let own = gateway.models[0].details.unwrap();
        assert!(own.all);
        assert_eq!((own.request_bytes, own.response_bytes), (60_000, 0));
        // The other model gets no more than usual for it.
        let other = gateway.models[1].details.unwrap();
        assert_eq!((other.all, other.request_bytes), (false, 8192));

        let gateway = published(
            &[ModelSettings::default()],
            &[("SaveErrorLogDetail", "true")],
        );
        assert!(gateway.details.is_some_and(|details| details.errors));
        assert_eq!(gateway.models[0].details, None);
    }

    #[test]
    fn a_group_s_own_rules_come_before_the_model_s() {
        let group = |model: &str, overrides: Overrides| GroupModelConfig {
            group: "g".into(),
            model: model.into(),
            created_at_ms: 0,
            updated_at_ms: 0,
            price: None,
            overrides,
        };
        let sized = ModelSettings {
            force_save_detail: true,
            request_body_storage_max_size: 100,
            ..ModelSettings::default()
        };
        let less = Overrides {
            force_save_detail: Some(false),
            response_body_storage_max_size: Some(-1),
            ..Overrides::default()
        };
        let more = Overrides {
            force_save_detail: Some(true),
            response_body_storage_max_size: Some(50_000),
            ..Overrides::default()
        };
        let other = Overrides {
            retry_times: Some(1),
            ..Overrides::default()
        };
        let groups = [group("M0", less), group("m1", more), group("m2", other)];
        let told = published_with(&[sized.clone(), ModelSettings::default()], &groups, &[]);
        let own: Vec<_> = told
            .own_details
            .iter()
            .map(|it| (&*it.model, it.details))
            .collect();
        let details = |all, request_bytes, response_bytes| Details {
            all,
            errors: false,
            request_bytes,
            response_bytes,
        };
        // What it leaves as it is, is the model's, else everybody's.
        assert_eq!(
            own,
            [
                ("M0", details(false, 100, 0)),
                ("m1", details(true, 8192, 50_000))
            ]
        );
        assert_eq!(
            told.details,
            Some(details(false, 8192, 50_000)),
            "before it is known"
        );
        assert_eq!(told.own_details("g", "m0"), Some(details(false, 100, 0)));
        assert_eq!(
            (told.own_details("h", "m0"), told.own_details("g", "m2")),
            (None, None)
        );

        // One group's wish is enough, and none for less is.
        let told = published_with(&[ModelSettings::default()], &groups[1..2], &[]);
        assert_eq!((told.details.is_some(), told.own_details.len()), (true, 1));
        let told = published_with(&[ModelSettings::default()], &groups[..1], &[]);
        assert_eq!((told.details, told.own_details), (None, vec![]));
    }
}
