//! What the stored channels and models mean for gateways. Pure.

mod facts;
mod place;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use tollgate_catalog::{Catalog, Provider};
use tollgate_config::{Channel, GatewayConfig, names};

use self::place::Place;
use crate::demo::Behaviour;
use crate::domain::{BaseUrl, ChannelConfigs, ModelConfig, PublishedChannel};
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
            stores_responses: settings.stores_responses,
            closed: false,
            retry_times: None,
            channels: Vec::new(),
            models: Vec::new(),
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
    plan.gateway.models = facts::models(models, &plan.gateway.channels);
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
        // The demo provider reads them by itself.
        let configs = match provider.demo {
            true => ChannelConfigs::default(),
            false => ChannelConfigs::read(provider, &channel.configs).map_err(|e| e.to_string())?,
        };
        let Place {
            base_url,
            base_path,
            also,
        } = place::of(channel, provider, &configs, demo)?;
        let headers = provider.headers(&configs.values).map_err(place::unfilled)?;
        let query = provider.query(&configs.values).map_err(place::unfilled)?;
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
            base_path,
            also,
            endpoint: provider.endpoint.clone(),
            query,
            quirks: configs.quirks(provider),
            headers,
            models: channel.models.clone(),
            model_mapping: channel.model_mapping.clone(),
            sets: channel.sets.clone(),
            priority: channel.priority,
        });
        self.upstreams.push(upstream);
        Ok(())
    }
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

#[cfg(test)]
mod tests;
