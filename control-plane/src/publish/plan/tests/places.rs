//! A channel of each type of the catalogue.

use super::*;

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
    (1014, "https://api.openai.com/v1", BEARER, ""),
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
