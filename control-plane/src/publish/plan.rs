//! What the stored channels and models mean for gateways. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use tollgate_catalog::{Catalog, Provider};
use tollgate_config::{Channel, GatewayConfig, Model, names};

use crate::demo::Behaviour;
use crate::domain::{BaseUrl, ModelConfig, PublishedChannel};
use crate::xds::resources::{Credential, Settings, Tls, Upstream};

pub(super) struct Plan {
    pub(super) gateway: GatewayConfig,
    pub(super) upstreams: Vec<Upstream>,
    /// How the demo provider behaves, by channel.
    pub(super) demo: BTreeMap<i64, Behaviour>,
    /// Channels that cannot be served, and why.
    pub(super) left_out: Vec<(i64, String)>,
}

pub(super) fn plan(
    channels: &[PublishedChannel],
    models: &[ModelConfig],
    settings: &Settings,
    demo: SocketAddr,
) -> Plan {
    let mut plan = Plan {
        gateway: GatewayConfig {
            max_body_bytes: settings.max_body_bytes,
            // Envoy has one limit for what it holds of a request and of its answer.
            max_response_bytes: settings.max_body_bytes,
            channels: Vec::new(),
            models: models.iter().map(model).collect(),
        },
        upstreams: Vec::new(),
        demo: BTreeMap::new(),
        left_out: Vec::new(),
    };
    for channel in channels {
        if let Err(reason) = plan.add(channel, tollgate_catalog::builtin(), demo) {
            plan.left_out.push((channel.id, reason));
        }
    }
    plan
}

impl Plan {
    fn add(
        &mut self,
        channel: &PublishedChannel,
        catalog: &Catalog,
        demo: SocketAddr,
    ) -> Result<(), String> {
        let provider = catalog
            .provider(channel.kind)
            .ok_or_else(|| format!("channel type {} is unknown", channel.kind))?;
        let base_url = base_url(channel, provider, demo)?;
        let upstream = upstream(channel, provider, &base_url);
        if provider.demo {
            self.demo.insert(
                channel.id,
                Behaviour::of_channel(channel.kind, &channel.configs),
            );
        }
        self.gateway.channels.push(Channel {
            id: channel.id,
            name: channel.name.clone(),
            cluster: upstream.cluster.clone(),
            dialect: provider.dialect.clone(),
            embeddings: provider.embeddings.clone(),
            scheme: if base_url.is_https() { "https" } else { "http" }.into(),
            authority: base_url.authority(),
            base_path: base_url.path().to_owned(),
            headers: provider.headers.clone(),
            models: channel.models.clone(),
            model_mapping: channel.model_mapping.clone(),
            sets: channel.sets.clone(),
            priority: channel.priority,
        });
        self.upstreams.push(upstream);
        Ok(())
    }
}

fn base_url(
    channel: &PublishedChannel,
    provider: &Provider,
    demo: SocketAddr,
) -> Result<BaseUrl, String> {
    if let Some(own) = &channel.base_url {
        return Ok(own.clone());
    }
    let text = match &provider.base_url {
        _ if provider.demo => format!("http://{demo}/channel/{}/v1", channel.id),
        Some(url) => url.clone(),
        None => return Err("it needs a base URL".into()),
    };
    BaseUrl::parse(&text)
        .map(|(url, _)| url)
        .map_err(|error| format!("its base URL {error}"))
}

fn upstream(channel: &PublishedChannel, provider: &Provider, base_url: &BaseUrl) -> Upstream {
    let tls = base_url.is_https().then_some(Tls {
        verify: !channel.skip_tls_verify,
    });
    let mut upstream = Upstream {
        cluster: String::new(),
        host: base_url.host().to_owned(),
        port: base_url.port(),
        tls,
        credential: (!channel.key.is_empty()).then(|| Credential {
            secret: String::new(),
            header: provider.auth.header.clone(),
            prefix: provider.auth.prefix.clone(),
            key: channel.key.clone(),
        }),
    };
    let generation = generation(&upstream);
    upstream.cluster = format!("{}-{generation}", names::channel_cluster(channel.id));
    if let Some(credential) = &mut upstream.credential {
        credential.secret = format!("{}-{generation}", names::channel_secret(channel.id));
    }
    upstream
}

/// Distinguishes addresses of one channel. The key is not part of it: a new key replaces the old
/// one in place.
fn generation(upstream: &Upstream) -> String {
    let header = upstream
        .credential
        .as_ref()
        .map(|it| (&it.header, &it.prefix));
    let address = format!(
        "{:?}",
        (&upstream.host, upstream.port, upstream.tls, header)
    );
    hex::encode(Sha256::digest(address).get(..4).unwrap_or_default())
}

fn model(config: &ModelConfig) -> Model {
    Model {
        model: config.model.clone(),
        owner: config.owner.clone(),
        created_unix_s: config.created_at_ms / 1000,
        max_output_tokens: config.max_output_tokens(),
        retry_times: config.retry_times,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn channel(id: i64, kind: i64, base_url: &str, key: &str) -> PublishedChannel {
        PublishedChannel {
            id,
            name: format!("c{id}"),
            kind,
            base_url: (!base_url.is_empty()).then(|| BaseUrl::parse(base_url).unwrap().0),
            key: Secret::new(key),
            models: vec!["m".into()],
            model_mapping: BTreeMap::new(),
            configs: serde_json::Map::new(),
            sets: vec!["default".into()],
            priority: 10,
            skip_tls_verify: false,
        }
    }

    fn plan_of(channels: &[PublishedChannel]) -> Plan {
        let settings = Settings {
            listen: ([0, 0, 0, 0], 3000).into(),
            unavailable_port: 1,
            wasm: "/x.wasm".into(),
            max_body_bytes: 1,
        };
        plan(channels, &[], &settings, ([127, 0, 0, 1], 7).into())
    }

    #[test]
    fn where_a_channel_goes() {
        let check = |kind, base_url: &str, expected: (&str, u16, bool, &str, &str)| {
            let plan = plan_of(&[channel(1, kind, base_url, "k")]);
            plan.gateway.validate().expect("valid");
            let (published, upstream) = (&plan.gateway.channels[0], &plan.upstreams[0]);
            assert_eq!(published.cluster, upstream.cluster);
            let seen = (
                upstream.host.as_str(),
                upstream.port,
                upstream.tls.is_some(),
                published.authority.as_str(),
                published.base_path.as_str(),
            );
            assert_eq!(seen, expected);
        };
        check(
            1,
            "",
            ("api.openai.com", 443, true, "api.openai.com", "/v1"),
        );
        check(
            14,
            "",
            ("api.anthropic.com", 443, true, "api.anthropic.com", "/v1"),
        );
        check(
            1,
            "http://10.0.0.1:8080",
            ("10.0.0.1", 8080, false, "10.0.0.1:8080", ""),
        );
        check(1, "https://[::1]:9/x", ("[::1]", 9, true, "[::1]:9", "/x"));
        check(
            53,
            "",
            ("127.0.0.1", 7, false, "127.0.0.1:7", "/channel/1/v1"),
        );
    }

    #[test]
    fn a_new_address_is_a_new_cluster_and_a_new_secret_and_a_new_key_is_not() {
        let upstream = |base_url, key| plan_of(&[channel(1, 1, base_url, key)]).upstreams.remove(0);
        let name = |upstream: &Upstream| {
            (
                upstream.cluster.clone(),
                upstream.credential.as_ref().map(|it| it.secret.clone()),
            )
        };
        let first = name(&upstream("https://a.example", "one"));
        assert_eq!(name(&upstream("https://a.example", "two")), first);
        let (cluster, secret) = name(&upstream("https://b.example", "two"));
        assert!(cluster != first.0 && secret != first.1);
        assert!(cluster.starts_with("channel-1-") && secret.unwrap().starts_with("channel-1-key-"));
    }

    #[test]
    fn one_bad_channel_takes_no_other_with_it() {
        let plan = plan_of(&[channel(1, 999_999, "", "k"), channel(2, 1, "", "k")]);
        assert_eq!(
            plan.left_out,
            [(1, "channel type 999999 is unknown".into())]
        );
        assert_eq!(plan.gateway.channels.len(), 1);
    }

    #[test]
    fn without_a_key_there_is_nothing_to_inject() {
        assert!(
            plan_of(&[channel(1, 53, "", "")]).upstreams[0]
                .credential
                .is_none()
        );
    }
}
