mod clouds;
mod places;

use super::*;
use crate::secrets::Secret;

fn channel(id: i64, kind: i64, base_url: &str, key: &str) -> PublishedChannel {
    PublishedChannel {
        id,
        name: format!("c{id}"),
        kind,
        base_url: (!base_url.is_empty()).then(|| BaseUrl::parse(base_url).unwrap().0),
        proxy: None,
        key: Secret::new(key),
        models: vec!["m".into()],
        model_mapping: BTreeMap::new(),
        configs: serde_json::Map::new(),
        sets: vec!["default".into()],
        priority: 10,
        skip_tls_verify: false,
    }
}

fn settings() -> Settings {
    Settings {
        listen: ([0, 0, 0, 0], 3000).into(),
        unavailable_port: 1,
        wasm: "/x.wasm".into(),
        max_body_bytes: 1,
        stores_responses: false,
    }
}

fn plan_of(channels: &[PublishedChannel]) -> Plan {
    let token = |_: &GoogleKey| Ok(Secret::new("access-token"));
    plan(
        channels,
        &[],
        &settings(),
        ([127, 0, 0, 1], 7).into(),
        &token,
    )
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
fn base_urls_are_taken_as_they_are_meant() {
    let check = |kind, base_url: &str, expected: &str, also: &str| {
        let plan = plan_of(&[channel(1, kind, base_url, "k")]);
        let [channel] = plan.gateway.channels.as_slice() else {
            panic!("{base_url}: {:?}", plan.left_out);
        };
        let seen_also: Vec<_> = channel
            .also
            .iter()
            .map(|it| it.base_path.as_str())
            .collect();
        let seen = (channel.base_path.as_str(), seen_also.join(" "));
        assert_eq!(seen, (expected, also.to_owned()), "{kind} {base_url}");
    };
    // The provider's own host, and what AI Proxy's channels have there.
    check(1, "https://api.openai.com", "/v1", "/v1");
    // What speaks like OpenAI has not always its newest dialect.
    check(1, "https://proxy.example/v1", "/v1", "");
    check(
        17,
        "https://dashscope.aliyuncs.com",
        "/compatible-mode/v1",
        "/apps/anthropic/v1",
    );
    check(
        17,
        "https://dashscope.aliyuncs.com/apps/anthropic",
        "/compatible-mode/v1",
        "/apps/anthropic/v1",
    );
    check(
        24,
        "https://generativelanguage.googleapis.com",
        "/v1beta",
        "",
    );
    check(40, "https://ark.cn-beijing.volces.com", "/api/v3", "");
    check(
        52,
        "https://open.bigmodel.cn",
        "/api/coding/paas/v4",
        "/api/anthropic/v1",
    );
    check(
        54,
        "https://api.tbox.cn/api",
        "/api/llm/v1",
        "/api/anthropic/v1",
    );
    check(3, "https://res.openai.azure.com", "/openai", "");
    check(
        3,
        "https://res.openai.azure.com/openai/deployments/gpt",
        "/openai",
        "",
    );
    check(4, "https://res.openai.azure.com/openai", "/openai/v1", "");
    check(36, "https://api.deepseek.com", "/v1", "/anthropic/v1");
    check(36, "https://api.deepseek.com/beta", "/beta", "");
    // Another host.
    check(1, "http://10.0.0.1:8080", "", "");
    check(
        36,
        "https://proxy.example/deepseek/v1",
        "/deepseek/v1",
        "/deepseek/anthropic/v1",
    );
    check(36, "https://proxy.example/deepseek", "/deepseek", "");
    check(25, "https://api.moonshot.ai/v1", "/v1", "/anthropic/v1");
}

#[test]
fn a_channels_configs_correct_what_the_catalogue_says() {
    let mut deepseek = channel(1, 36, "", "k");
    let configs = serde_json::json!({
        "native_dialects": false, "quirks": ["string-content"],
        "without_quirks": ["legacy-max-tokens", "thinking-type", "reasoning-content"],
    });
    deepseek.configs = configs.as_object().cloned().unwrap();
    let mut azure = channel(2, 4, "", "k");
    azure.configs.insert("resource_name".into(), "a/b".into());
    let nowhere = channel(3, 4, "", "k");
    let plan = plan_of(&[deepseek, azure, nowhere]);
    let published = &plan.gateway.channels[0];
    assert!(published.also.is_empty());
    let quirks: Vec<_> = published
        .quirks
        .iter()
        .map(|quirk| quirk.as_str())
        .collect();
    assert_eq!(quirks, ["no-developer-role", "string-content"]);
    assert_eq!(
        plan.left_out,
        [
            (
                2,
                "configs.resource_name does not fit into an address".to_owned()
            ),
            (3, "it needs configs.resource_name".to_owned()),
        ]
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
fn another_proxy_is_a_new_cluster_and_new_credentials_are_not() {
    let named = |proxy: &str| {
        let proxy = (!proxy.is_empty()).then(|| ProxyUrl::parse(proxy).unwrap());
        let channel = PublishedChannel {
            proxy,
            ..channel(1, 1, "https://a.example", "k")
        };
        let upstream = plan_of(&[channel]).upstreams.remove(0);
        (upstream.cluster, upstream.proxy.map(|it| it.name))
    };
    let first = named("http://me:one@proxy.example");
    assert!(first.1.as_ref().unwrap().starts_with("channel-1-proxy-"));
    assert_eq!(named("http://me:two@proxy.example"), first);
    for other in [
        "http://proxy.example",
        "https://me:one@proxy.example",
        "http://me:one@proxy.example:81",
        "http://me:one@another.example",
        "",
    ] {
        let other = named(other);
        assert!(other.0 != first.0 && other.1 != first.1, "{other:?}");
    }
}

#[test]
fn what_is_here_is_behind_no_proxy() {
    let channel = PublishedChannel {
        proxy: Some(ProxyUrl::parse("http://proxy.example").unwrap()),
        ..channel(1, 53, "", "")
    };
    assert!(plan_of(&[channel]).upstreams[0].proxy.is_none());
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
