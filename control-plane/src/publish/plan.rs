//! What the stored channels and models mean for gateways. Pure.

mod details;
mod facts;
mod place;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use tollgate_catalog::{Auth, Catalog};
use tollgate_config::{Channel, GatewayConfig, names};

use self::place::Place;
use crate::demo::Behaviour;
use crate::domain::{
    Access, BaseUrl, ChannelConfigs, ChannelKey, GoogleKey, ModelConfig, ProxyUrl, PublishedChannel,
};
use crate::secrets::Secret;
use crate::xds::resources::{Credential, Proxy, Settings, Signing, Tls, Upstream};

pub(super) use self::details::add_details;

pub(super) struct Plan {
    pub(super) gateway: GatewayConfig,
    pub(super) upstreams: Vec<Upstream>,
    /// How the demo provider behaves, by channel.
    pub(super) demo: BTreeMap<i64, Behaviour>,
    /// Channels that cannot be served, and why.
    pub(super) left_out: Vec<(i64, String)>,
}

/// The access token that a key stands for, or why there is none.
pub(super) type AccessToken<'a> = &'a dyn Fn(&GoogleKey) -> Result<Secret, String>;

/// The keys for which the plan will ask for access tokens.
pub(super) fn google_keys(channels: &[PublishedChannel]) -> Vec<GoogleKey> {
    let key = |channel: &PublishedChannel| {
        let provider = tollgate_catalog::builtin().provider(channel.kind)?;
        match ChannelKey::read(provider, &channel.key).ok()?.access {
            Access::Google(key) => Some(key.through(channel.proxy.as_ref())),
            Access::Key(_) | Access::Aws(_) => None,
        }
    };
    channels.iter().filter_map(key).collect()
}

pub(super) fn plan(
    channels: &[PublishedChannel],
    models: &[ModelConfig],
    settings: &Settings,
    demo: SocketAddr,
    access_token: AccessToken<'_>,
) -> Plan {
    let mut plan = Plan {
        gateway: GatewayConfig {
            max_body_bytes: settings.max_body_bytes,
            // Envoy has one limit for what it holds of a request and of its answer.
            max_response_bytes: settings.max_body_bytes,
            stores_responses: settings.stores_responses,
            closed: false,
            retry_times: None,
            own_details: Vec::new(),
            banned: Vec::new(),
            details: None,
            channels: Vec::new(),
            models: Vec::new(),
        },
        upstreams: Vec::new(),
        demo: BTreeMap::new(),
        left_out: Vec::new(),
    };
    for channel in channels {
        let catalog = tollgate_catalog::builtin();
        if let Err(reason) = plan.add(channel, catalog, demo, access_token) {
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
        access_token: AccessToken<'_>,
    ) -> Result<(), String> {
        let provider = catalog
            .provider(channel.kind)
            .ok_or_else(|| format!("channel type {} is unknown", channel.kind))?;
        // The demo provider reads them by itself.
        let mut configs = match provider.demo {
            true => ChannelConfigs::default(),
            false => ChannelConfigs::read(provider, &channel.configs).map_err(|e| e.to_string())?,
        };
        let key =
            ChannelKey::read(provider, &channel.key).map_err(|error| format!("its key {error}"))?;
        configs.values = key.complete(configs.values);
        let Place {
            base_url,
            base_path,
            also,
        } = place::of(channel, provider, &configs, demo)?;
        let headers = provider.headers(&configs.values).map_err(place::unfilled)?;
        let query = provider.query(&configs.values).map_err(place::unfilled)?;
        let mut upstream = upstream(channel, &base_url);
        match key.access {
            Access::Key(key) if key.is_empty() => {}
            Access::Key(key) => upstream.credential = Some(credential(&provider.auth, key)),
            Access::Google(key) => {
                let key = key.through(channel.proxy.as_ref());
                upstream.credential = Some(credential(&Auth::default(), access_token(&key)?));
            }
            Access::Aws(key) => {
                let region = provider.setting("region", &configs.values);
                upstream.signing = Some(Signing {
                    region: region.map_err(place::unfilled)?,
                    access_key_id: key.id,
                    secret_access_key: key.secret,
                    session_token: key.session_token,
                });
            }
        }
        if provider.demo {
            // It is here, where no proxy leads.
            upstream.proxy = None;
            self.demo.insert(
                channel.id,
                Behaviour::of_channel(channel.kind, &channel.configs),
            );
        }
        name(&mut upstream, channel.id);
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
            banned: Vec::new(),
        });
        self.upstreams.push(upstream);
        Ok(())
    }
}

/// Without a key and without a name.
fn upstream(channel: &PublishedChannel, base_url: &BaseUrl) -> Upstream {
    let tls = base_url.is_https().then_some(Tls {
        verify: !channel.skip_tls_verify,
    });
    Upstream {
        cluster: String::new(),
        host: base_url.host().to_owned(),
        port: base_url.port(),
        tls,
        proxy: channel.proxy.as_ref().map(proxy),
        credential: None,
        signing: None,
    }
}

fn proxy(url: &ProxyUrl) -> Proxy {
    Proxy {
        name: String::new(),
        host: url.host().to_owned(),
        port: url.port(),
        https: url.is_https(),
        authorization: url.authorization(),
    }
}

fn credential(auth: &Auth, key: Secret) -> Credential {
    Credential {
        secret: String::new(),
        header: auth.header.clone(),
        prefix: auth.prefix.clone(),
        key,
    }
}

fn name(upstream: &mut Upstream, channel: i64) {
    let generation = generation(upstream);
    upstream.cluster = format!("{}-{generation}", names::channel_cluster(channel));
    if let Some(credential) = &mut upstream.credential {
        credential.secret = format!("{}-{generation}", names::channel_secret(channel));
    }
    if let Some(proxy) = &mut upstream.proxy {
        proxy.name = format!("{}-proxy-{generation}", names::channel_cluster(channel));
    }
}

/// Distinguishes addresses of one channel, and the ways there. The key is not part of it: a new key
/// replaces the old one in place, and so do new credentials for a proxy.
fn generation(upstream: &Upstream) -> String {
    let header = upstream
        .credential
        .as_ref()
        .map(|it| (&it.header, &it.prefix));
    let mut address = format!(
        "{:?}",
        (&upstream.host, upstream.port, upstream.tls, header)
    );
    if let Some(signing) = &upstream.signing {
        address.push_str(&signing.region);
    }
    if let Some(proxy) = &upstream.proxy {
        let place = (&proxy.host, proxy.port, proxy.https);
        address.push_str(&format!("{:?}", (place, proxy.authorization.is_some())));
    }
    hex::encode(Sha256::digest(address).get(..4).unwrap_or_default())
}

#[cfg(test)]
mod tests;
