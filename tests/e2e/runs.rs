//! Every SDK before an upstream of every dialect: each pair plays all scenarios once, and the tests
//! look at what either side saw.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};
use tollgate_tests::provider::{CLAUDE, Call, Told};
use tollgate_tests::sdk::{Sdk, Stage};
use tollgate_tests::{Answer, Dialect, Fault, Gateway, Provider, Scene};

pub(crate) const MODELS: [&str; 24] = [
    "text",
    "stream",
    "stream_without_usage",
    "stream_accumulated",
    "tools",
    "stream_tools",
    "automatic_tools",
    "thinking_tools",
    "stream_thinking_tools",
    "images",
    "image_urls",
    "thinking",
    "stream_thinking",
    "structured",
    "stream_structured",
    "count_tokens",
    "length",
    "errors",
    "broken_stream",
    "models",
    "bad_request",
    "rate_limit",
    "refused_key",
    "stop_sequences",
];

/// What an upstream says when it refuses the gateway's key; nobody else may ever read it.
pub(crate) const KEY_CANARY: &str = "sk-upstream-key-canary";

/// What proves thoughts: base64, as Google demands.
pub(crate) const SIGNATURE: &str = "c2lnbmF0dXJlLXNjcmlwdGVk";

const USAGE: Told = Told {
    answers: 1,
    input: 11,
    cache_read: 5,
    cache_write: 0,
    output: 7,
    reasoning: 0,
};

/// Python processes at the same time: each takes a processor for seconds.
const PLAYERS: usize = 4;

/// What one SDK saw of a gateway in front of an upstream of one dialect.
pub(crate) struct Run {
    pub(crate) sdk: Sdk,
    pub(crate) upstream: Dialect,
    pub(crate) scene: Scene,
    pub(crate) provider: Provider,
    played: Results,
}

/// The provider behind all runs; also tried by itself.
fn scripted(dialect: Dialect) -> Provider {
    let tools = Answer::text("Sunny in both.")
        .tool("call_paris", "get_weather", json!({"city": "Paris"}))
        .tool("call_rome", "get_weather", json!({"city": "Rome"}));
    let thinking = Answer::text("It is sunny.").thinking("Let me think.", SIGNATURE);
    let thinking_tools = tools.clone().thinking("Let me think.", SIGNATURE);
    let structured = Answer::text(r#"{"city":"Paris","degrees":21}"#);
    let cut_short = Answer::text("It").stops_for(match dialect {
        Dialect::OpenAi | Dialect::Completions | Dialect::Ollama => "length",
        Dialect::Anthropic | Dialect::Bedrock | Dialect::BedrockClaude | Dialect::VertexClaude => {
            "max_tokens"
        }
        Dialect::Responses => "max_output_tokens",
        Dialect::Gemini | Dialect::Cohere => "MAX_TOKENS",
    });
    let refused_key = format!("Incorrect API key provided: {KEY_CANARY}.");
    Provider::speaking(dialect)
        .plays(Answer::text("It is sunny.").usage(USAGE))
        .model("tools", tools.clone())
        .model("stream_tools", tools.clone())
        .model("automatic_tools", tools)
        .model("thinking_tools", thinking_tools.clone())
        .model("stream_thinking_tools", thinking_tools)
        .model("thinking", thinking.clone())
        .model("stream_thinking", thinking)
        .model("structured", structured.clone())
        .model("stream_structured", structured)
        .model("length", cut_short)
        .model(
            "bad_request",
            Fault::Says(400, "the first message is too short".into(), vec![]),
        )
        .model("rate_limit", Fault::Status(429))
        .model("refused_key", Fault::Says(401, refused_key, vec![]))
        .model("broken_stream", Fault::ErrorAfter(2))
        .start()
}

/// All that was played, once for all tests.
struct Played {
    runs: Vec<Run>,
    /// Each SDK at the scripted provider of its own vendor, without a gateway.
    direct: Vec<(Sdk, Results)>,
}

type Results = BTreeMap<String, Value>;

/// Every SDK before every upstream.
pub(crate) fn runs() -> impl Iterator<Item = &'static Run> {
    played().runs.iter()
}

/// Every SDK without a gateway.
pub(crate) fn direct() -> impl Iterator<Item = &'static (Sdk, Results)> {
    played().direct.iter()
}

fn played() -> &'static Played {
    static PLAYED: OnceLock<Played> = OnceLock::new();
    PLAYED.get_or_init(|| {
        let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..PLAYERS {
                scope.spawn(|| {
                    while let Some(sdk) = Sdk::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let played = play(*sdk);
                        all.lock().expect("not poisoned").push((*sdk, played));
                    }
                });
            }
        });
        let mut all = all.into_inner().expect("not poisoned");
        all.sort_by_key(|(sdk, _)| *sdk);
        let (mut runs, mut direct) = (Vec::new(), Vec::new());
        for (sdk, (of_sdk, without)) in all {
            runs.extend(of_sdk);
            direct.push((sdk, without));
        }
        Played { runs, direct }
    })
}

/// Plays one SDK before every upstream, and directly.
fn play(sdk: Sdk) -> (Vec<Run>, Results) {
    // What is in the clouds' envelopes is Anthropic's, which is tried already.
    let enveloped = [Dialect::BedrockClaude, Dialect::VertexClaude];
    let upstreams = Dialect::UPSTREAMS.into_iter();
    let mut runs: Vec<Run> = upstreams
        .filter(|upstream| !enveloped.contains(upstream))
        .map(|upstream| Run::before(sdk, upstream))
        .collect();
    let direct = scripted(sdk.dialect);
    let stages = runs.iter().map(|run| Stage {
        model: &run.scene.name,
        ..Stage::of(&run.scene)
    });
    let directly = Stage {
        address: direct.address(),
        key: "any",
        model: "direct",
    };
    let stages: Vec<Stage<'_>> = stages.chain([directly]).collect();
    let mut results = sdk.play(&stages);
    let without = results.pop().expect("the last stage");
    for (run, results) in runs.iter_mut().zip(results) {
        run.played = results;
        run.scene.is_over();
    }
    (runs, without)
}

impl Run {
    fn before(sdk: Sdk, upstream: Dialect) -> Self {
        let provider = scripted(upstream);
        let scene = Scene::on(Gateway::shared()).models(&MODELS);
        // Bedrock's models say by name whose they are, and with that how they are told to think.
        let mapped = |model: &String| (model.clone(), json!(format!("{CLAUDE}{model}")));
        let mapping: serde_json::Map<String, Value> = match upstream {
            Dialect::Bedrock => scene.all_models().iter().map(mapped).collect(),
            _ => serde_json::Map::new(),
        };
        let scene = scene
            .channel_with(&provider, json!({"model_mapping": mapping}))
            .ready();
        let played = Results::new();
        Self {
            sdk,
            upstream,
            scene,
            provider,
            played,
        }
    }

    /// What the scenario returned; `None` when the SDK's script has no such scenario.
    #[track_caller]
    pub(crate) fn played(&self, scenario: &str) -> Option<&Value> {
        let result = self.played.get(scenario)?;
        assert!(
            result.get("raised").is_none(),
            "{self} {scenario}: {result}"
        );
        Some(result)
    }

    /// What the scenario returned.
    #[track_caller]
    pub(crate) fn result(&self, scenario: &str) -> &Value {
        self.played(scenario)
            .unwrap_or_else(|| panic!("{self}: no scenario {scenario}"))
    }

    /// The exception that ended the scenario.
    #[track_caller]
    pub(crate) fn raised(&self, scenario: &str) -> &Value {
        let raised = &self.played[scenario]["raised"];
        assert!(raised.is_object(), "{self} {scenario}: nothing was raised");
        raised
    }

    pub(crate) fn model(&self, scenario: &str) -> String {
        format!("{scenario}-{}", self.scene.name)
    }

    /// The model's name at the upstream.
    pub(crate) fn upstream_model(&self, scenario: &str) -> String {
        match self.upstream {
            Dialect::Bedrock => format!("{CLAUDE}{}", self.model(scenario)),
            _ => self.model(scenario),
        }
    }

    pub(crate) fn call(&self, scenario: &str) -> Call {
        self.nth_call(scenario, 0)
    }

    #[track_caller]
    pub(crate) fn nth_call(&self, scenario: &str, n: usize) -> Call {
        let model = self.upstream_model(scenario);
        let mut calls = self
            .provider
            .calls()
            .into_iter()
            .filter(|call| call.model() == model);
        calls
            .nth(n)
            .unwrap_or_else(|| panic!("{self}: no call number {n} for {model}"))
    }

    pub(crate) fn natural_end(&self) -> &'static str {
        match self.sdk.dialect {
            Dialect::OpenAi => "stop",
            Dialect::Anthropic => "end_turn",
            Dialect::Responses => "completed",
            _ => "STOP",
        }
    }

    pub(crate) fn tool_end(&self) -> &'static str {
        match self.sdk.dialect {
            Dialect::OpenAi => "tool_calls",
            Dialect::Anthropic => "tool_use",
            // They have no word of their own for it.
            _ => self.natural_end(),
        }
    }

    /// What of the scripted usage the upstream has words for.
    pub(crate) fn cached(&self) -> u64 {
        if [Dialect::Cohere, Dialect::Ollama].contains(&self.upstream) {
            0
        } else {
            USAGE.cache_read
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} before an upstream of {:?}", self.sdk, self.upstream)
    }
}
