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

/// Where each provider is, by its documentation: base URL of what it speaks first, header of
/// the key, and the paths of what it speaks besides.
const PLACES: &[(i64, &str, &str, &str)] = &[
    (1, "https://api.openai.com/v1", BEARER, "/v1"),
    (3, "https://res.openai.azure.com/openai", "api-key: ", ""),
    (4, "https://res.openai.azure.com/openai/v1", "api-key: ", ""),
    (
        12,
        "https://generativelanguage.googleapis.com/v1beta/openai",
        BEARER,
        "",
    ),
    (13, "https://qianfan.baidubce.com/v2", BEARER, ""),
    (14, "https://api.anthropic.com/v1", "x-api-key: ", ""),
    (16, "https://open.bigmodel.cn/api/paas/v4", BEARER, ""),
    (
        17,
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        BEARER,
        "/apps/anthropic/v1",
    ),
    (18, "https://spark-api-open.xf-yun.com/v1", BEARER, ""),
    (19, "https://ai.360.cn/v1", BEARER, ""),
    (20, "https://openrouter.ai/api/v1", BEARER, ""),
    (23, "https://api.hunyuan.cloud.tencent.com/v1", BEARER, ""),
    (
        24,
        "https://generativelanguage.googleapis.com/v1beta",
        "x-goog-api-key: ",
        "",
    ),
    (25, "https://api.moonshot.cn/v1", BEARER, "/anthropic/v1"),
    (26, "https://api.baichuan-ai.com/v1", BEARER, ""),
    (27, "https://api.minimaxi.com/v1", BEARER, "/anthropic/v1"),
    (28, "https://api.mistral.ai/v1", BEARER, ""),
    (29, "https://api.groq.com/openai/v1", BEARER, ""),
    (30, "http://localhost:11434", BEARER, ""),
    (31, "https://api.lingyiwanwu.com/v1", BEARER, ""),
    (32, "https://api.stepfun.com/v1", BEARER, ""),
    (
        33,
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        BEARER,
        "",
    ),
    (35, "https://api.cohere.com/v2", BEARER, ""),
    (36, "https://api.deepseek.com/v1", BEARER, "/anthropic/v1"),
    (
        37,
        "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1",
        BEARER,
        "",
    ),
    (40, "https://ark.cn-beijing.volces.com/api/v3", BEARER, ""),
    (41, "https://api.novita.ai/v3/openai", BEARER, ""),
    (
        42,
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p-1/locations/us-central1/publishers/google",
        "x-goog-api-key: ",
        "",
    ),
    (43, "https://api.siliconflow.cn/v1", BEARER, ""),
    (45, "https://api.x.ai/v1", BEARER, ""),
    (47, "https://api.jina.ai/v1", BEARER, ""),
    (49, "https://qianfan.baidubce.com/v2", BEARER, ""),
    (50, "https://own.example/v1", BEARER, ""),
    (
        51,
        "https://wanqing.streamlakeapi.com/api/gateway/v1/endpoints",
        BEARER,
        "",
    ),
    (
        52,
        "https://open.bigmodel.cn/api/coding/paas/v4",
        BEARER,
        "/api/anthropic/v1",
    ),
    (53, "http://127.0.0.1:7/channel/53/v1", BEARER, DEMO[0]),
    (
        54,
        "https://api.tbox.cn/api/llm/v1",
        BEARER,
        "/api/anthropic/v1",
    ),
    (55, "http://127.0.0.1:7/channel/55/v1", BEARER, DEMO[1]),
    (1000, "https://own.example/v1", BEARER, ""),
    (1001, "https://own.example/v1", "x-api-key: ", ""),
    (
        1002,
        "https://res.services.ai.azure.com/anthropic/v1",
        "x-api-key: ",
        "",
    ),
    (1003, "https://api.perplexity.ai", BEARER, ""),
    (1004, "https://integrate.api.nvidia.com/v1", BEARER, ""),
    (1005, "https://api.together.xyz/v1", BEARER, ""),
    (1006, "https://api.fireworks.ai/inference/v1", BEARER, ""),
    (1007, "https://api.cerebras.ai/v1", BEARER, ""),
    (1008, "https://router.huggingface.co/v1", BEARER, ""),
    (1009, "https://api.sambanova.ai/v1", BEARER, ""),
    (1010, "https://api.deepinfra.com/v1/openai", BEARER, ""),
    (
        1011,
        "https://us-east5-aiplatform.googleapis.com/v1/projects/p-1/locations/us-east5",
        "x-goog-api-key: ",
        "",
    ),
    (
        1012,
        "https://bedrock-runtime.us-east-1.amazonaws.com",
        BEARER,
        "",
    ),
    (1013, "https://api.openai.com/v1", BEARER, ""),
];
const BEARER: &str = "authorization: Bearer ";
const DEMO: [&str; 2] = [
    "/channel/53/v1 /channel/53/v1 /channel/53/v1beta",
    "/channel/55/v1 /channel/55/v1 /channel/55/v1beta",
];

/// A channel of each type that the catalogue offers, with what it cannot do without.
fn one_of_each() -> Plan {
    let channels = tollgate_catalog::builtin().providers().map(|provider| {
        let own = match provider.base_url {
            None if !provider.demo => "https://own.example/v1",
            _ => "",
        };
        let mut channel = channel(provider.id, provider.id, own, "k");
        channel.name = provider.name.clone();
        for (setting, value) in [
            ("resource_name", "res"),
            ("account_id", "acc"),
            ("appid", "app-1"),
            ("project_id", "p-1"),
        ] {
            if provider.config.iter().any(|known| known.name == setting) {
                channel.configs.insert(setting.into(), value.into());
            }
        }
        channel
    });
    plan_of(&channels.collect::<Vec<_>>())
}

#[test]
fn every_provider_is_where_its_documentation_says() {
    let plan = one_of_each();
    assert_eq!(plan.left_out, []);
    plan.gateway.validate().expect("valid");
    let seen = plan.gateway.channels.iter().zip(&plan.upstreams);
    let seen: Vec<_> = seen
        .map(|(channel, upstream)| {
            let credential = upstream.credential.as_ref().expect("a key");
            let also = channel.also.iter().map(|also| also.base_path.as_str());
            (
                channel.id,
                format!(
                    "{}://{}{}",
                    channel.scheme, channel.authority, channel.base_path
                ),
                format!("{}: {}", credential.header, credential.prefix),
                also.collect::<Vec<_>>().join(" "),
            )
        })
        .collect();
    let expected = PLACES.iter().map(|(id, url, auth, also)| {
        let [url, auth, also] = [url, auth, also].map(|text| (*text).to_owned());
        (*id, url, auth, also)
    });
    assert_eq!(seen, expected.collect::<Vec<_>>());
    for (_, upstream) in plan.gateway.channels.iter().zip(&plan.upstreams) {
        assert_eq!(
            upstream.tls.is_some(),
            upstream.port == 443,
            "{}",
            upstream.host
        );
    }
}

/// The gateway's own tests make requests for these channels, and look at what is sent. Renewed
/// with `UPDATE_GOLDENS=1`.
#[test]
fn the_gateways_tests_know_every_provider() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../filters/gateway/src/upstream/tests/providers.json"
    );
    let channels = one_of_each().gateway.channels;
    let mut text = serde_json::to_string_pretty(&channels).expect("JSON");
    text.push('\n');
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(file, &text).expect("written");
    }
    let known = std::fs::read_to_string(file).expect("a file");
    assert!(known == text, "{file} is not what the catalogue says");
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

/// What each form of key makes of a channel: host, header of its key, region of its signature.
#[test]
fn clouds_take_more_than_a_key() {
    let account = crate::domain::google_key::tests::service_account();
    let account = format!("europe-west1|{account}");
    for (kind, key, host, header, region) in [
        (
            33,
            "ABSK",
            "bedrock-runtime.us-east-1.amazonaws.com",
            "authorization: Bearer ABSK",
            "",
        ),
        (
            33,
            "eu-west-3|ABSK",
            "bedrock-runtime.eu-west-3.amazonaws.com",
            "authorization: Bearer ABSK",
            "",
        ),
        (
            1012,
            "eu-west-3|AKIA|secret",
            "bedrock-runtime.eu-west-3.amazonaws.com",
            "",
            "eu-west-3",
        ),
        (
            1012,
            "|AKIA|secret",
            "bedrock-runtime.us-east-1.amazonaws.com",
            "",
            "us-east-1",
        ),
        (
            1011,
            "europe-west1|p-1|AIza",
            "europe-west1-aiplatform.googleapis.com",
            "x-goog-api-key: AIza",
            "",
        ),
        (
            42,
            account.as_str(),
            "europe-west1-aiplatform.googleapis.com",
            "authorization: Bearer access-token",
            "",
        ),
    ] {
        let plan = plan_of(&[channel(1, kind, "", key)]);
        assert_eq!(plan.left_out, [], "{kind}");
        let upstream = &plan.upstreams[0];
        let sent = upstream.credential.as_ref();
        let sent = sent.map(|it| format!("{}: {}{}", it.header, it.prefix, it.key.expose()));
        let signed = upstream.signing.as_ref().map(|it| it.region.clone());
        assert_eq!(
            (
                upstream.host.as_str(),
                sent.unwrap_or_default(),
                signed.unwrap_or_default()
            ),
            (host, header.to_owned(), region.to_owned()),
        );
    }
    let unfit = plan_of(&[channel(1, 33, "", "a|b|c|d|e"), channel(2, 42, "", "AIza")]);
    let reasons: Vec<_> = unfit.left_out.iter().map(|(_, reason)| &**reason).collect();
    assert!(
        reasons[0].starts_with("its key must be region|"),
        "{reasons:?}"
    );
    assert_eq!(reasons[1], "it needs configs.project_id");
}

#[test]
fn a_channel_whose_token_is_not_there_is_left_out() {
    let account = crate::domain::google_key::tests::service_account();
    let channels = [channel(1, 42, "", &account), channel(2, 1, "", "k")];
    assert_eq!(google_keys(&channels).len(), 1);
    let token = |_: &GoogleKey| Err("its access token is being fetched".to_owned());
    let plan = plan(
        &channels,
        &[],
        &settings(),
        ([127, 0, 0, 1], 7).into(),
        &token,
    );
    assert_eq!(
        plan.left_out,
        [(1, "its access token is being fetched".to_owned())]
    );
    assert_eq!(plan.upstreams.len(), 1);
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
