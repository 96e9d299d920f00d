//! The vendors' SDKs, both generations, against models of their own vendor and of the other one:
//! who answers must not be noticed.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tollgate_tests::dialect::array;
use tollgate_tests::provider::{Call, Told};
use tollgate_tests::sdk::Sdk;
use tollgate_tests::{Answer, Dialect, Fault, Gateway, Provider, Scene};

const MODELS: [&str; 16] = [
    "text",
    "stream",
    "stream_without_usage",
    "stream_accumulated",
    "tools",
    "stream_tools",
    "images",
    "thinking",
    "stream_thinking",
    "length",
    "errors",
    "broken_stream",
    "models",
    "bad_request",
    "rate_limit",
    "refused_key",
];

/// What an upstream says when it refuses the gateway's key; nobody else may ever read it.
const KEY_CANARY: &str = "sk-upstream-key-canary";

const USAGE: Told = Told {
    answers: 1,
    input: 11,
    cache_read: 5,
    cache_write: 0,
    output: 7,
    reasoning: 0,
};

/// What one SDK saw of a gateway in front of an upstream of one dialect.
struct Run {
    sdk: Sdk,
    upstream: Dialect,
    suffix: String,
    played: BTreeMap<String, Value>,
    provider: Provider,
}

#[test]
fn text_comes_through_whole() {
    for run in runs() {
        let answer = run.result("text");
        assert_eq!(answer["model"], format!("text-{}", run.suffix), "{run}");
        assert_eq!(run.sdk.dialect.text_of(answer), "It is sunny.", "{run}");
        let (stop, usage) = match run.sdk.dialect {
            Dialect::OpenAi => (&answer["choices"][0]["finish_reason"], "prompt_tokens"),
            Dialect::Anthropic => (&answer["stop_reason"], "input_tokens"),
        };
        assert_eq!(stop, run.natural_end(), "{run}");
        // OpenAI's count of the input is gross, Anthropic's net.
        let expected = if run.sdk.dialect == Dialect::OpenAi {
            16
        } else {
            11
        };
        assert_eq!(answer["usage"][usage], expected, "{run}");
    }
}

#[test]
fn the_upstream_is_asked_in_its_own_dialect() {
    for run in runs() {
        let call = run.call("text");
        let sent = call.json();
        assert_eq!(call.path, run.upstream.path(), "{run}");
        assert_eq!(sent["model"], format!("text-{}", run.suffix), "{run}");
        let system = match run.upstream {
            Dialect::OpenAi => {
                assert_eq!(sent["stop"], json!(["END"]), "{run}");
                assert!(sent.get("stop_sequences").is_none(), "{run}: {sent}");
                sent["messages"][0].to_string()
            }
            Dialect::Anthropic => {
                assert_eq!(sent["stop_sequences"], json!(["END"]), "{run}");
                assert_eq!(sent["max_tokens"], 64, "{run}");
                assert!(call.header("anthropic-version").is_some(), "{run}");
                assert!(sent.get("stop").is_none(), "{run}: {sent}");
                sent["system"].to_string()
            }
        };
        assert!(system.contains("Be brief."), "{run}: {sent}");
    }
}

#[test]
fn a_stream_comes_in_pieces_with_one_beginning_and_one_end() {
    for run in runs() {
        let seen = run.result("stream");
        assert_eq!(seen["text"], "It is sunny.", "{run}");
        assert_eq!(seen["pieces"], 3, "{run}: the upstream sent three");
        assert_eq!(seen["finish_reasons"], json!([run.natural_end()]), "{run}");
        match run.sdk.dialect {
            Dialect::OpenAi => {
                assert_eq!(seen["ids"], 1, "{run}");
                assert_eq!(seen["roles"], json!(["assistant"]), "{run}");
                assert_eq!(array(&seen["usage"]).len(), 1, "{run}");
                assert_eq!(seen["usage"][0]["prompt_tokens"], 16, "{run}");
                assert_eq!(seen["usage"][0]["completion_tokens"], 7, "{run}");
            }
            Dialect::Anthropic => {
                assert_eq!(seen["starts"], 1, "{run}");
                assert_eq!(seen["output_tokens"], 7, "{run}");
                assert_eq!(
                    array(&seen["types"]).last(),
                    Some(&json!("message_stop")),
                    "{run}"
                );
            }
        }
    }
}

#[test]
fn usage_comes_in_a_stream_only_when_it_was_asked_for() {
    for run in runs().filter(|run| run.sdk.dialect == Dialect::OpenAi) {
        let seen = run.result("stream_without_usage");
        assert_eq!(seen["text"], "It is sunny.", "{run}");
        assert_eq!(seen["usage"], json!([]), "{run}");
        assert_eq!(seen["chunks_without_choices"], 0, "{run}");
    }
}

#[test]
fn the_sdks_own_accumulator_agrees_with_every_event() {
    for run in runs() {
        let answer = &run.result("stream_accumulated")["final"];
        assert_eq!(run.sdk.dialect.text_of(answer), "It is sunny.", "{run}");
        let (output, cached) = match run.sdk.dialect {
            Dialect::OpenAi => (
                "completion_tokens",
                &answer["usage"]["prompt_tokens_details"]["cached_tokens"],
            ),
            Dialect::Anthropic => ("output_tokens", &answer["usage"]["cache_read_input_tokens"]),
        };
        assert_eq!(answer["usage"][output], 7, "{run}");
        // A message_start comes before an OpenAI upstream has told any usage.
        if !(run.sdk.dialect == Dialect::Anthropic && run.upstream == Dialect::OpenAi) {
            assert_eq!(cached, 5, "{run}: {answer}");
        }
    }
}

#[test]
fn parallel_tools_are_called_and_answered() {
    for run in runs() {
        for scenario in ["tools", "stream_tools"] {
            let seen = run.result(scenario);
            let calls = array(&seen["calls"]);
            let said: Vec<&Value> = calls.iter().map(|call| &call[2]["city"]).collect();
            assert_eq!(said, ["Paris", "Rome"], "{run} {scenario}");
            assert_ne!(
                calls[0][0], calls[1][0],
                "{run} {scenario}: each has its own id"
            );
            assert_eq!(
                seen["finish_reasons"],
                json!([run.tool_end(), run.natural_end()]),
                "{run}"
            );
            assert_eq!(seen["answer"], "Sunny in both.", "{run} {scenario}");
        }
        let (asked, answered) = (
            run.nth_call("tools", 0).json(),
            run.nth_call("tools", 1).json(),
        );
        let (schema, results) = match run.upstream {
            Dialect::OpenAi => (&asked["tools"][0]["function"]["parameters"], "tool_call_id"),
            Dialect::Anthropic => (&asked["tools"][0]["input_schema"], "tool_use_id"),
        };
        assert_eq!(schema["required"], json!(["city"]), "{run}");
        assert_eq!(
            schema["additionalProperties"], false,
            "{run}: the schema is sent whole"
        );
        let answered = answered.to_string();
        assert_eq!(answered.matches(results).count(), 2, "{run}: {answered}");
        assert!(
            answered.contains("sunny in Paris") && answered.contains("sunny in Rome"),
            "{run}"
        );
    }
}

#[test]
fn images_arrive_as_data_and_as_urls() {
    for run in runs() {
        assert_eq!(run.result("images"), "It is sunny.", "{run}");
        let sent = run.call("images").json();
        let content = &sent["messages"][0]["content"];
        let (data, url) = match run.upstream {
            Dialect::OpenAi => (
                &content[1]["image_url"]["url"],
                &content[2]["image_url"]["url"],
            ),
            Dialect::Anthropic => (&content[1]["source"]["data"], &content[2]["source"]["url"]),
        };
        let data = data.as_str().unwrap_or_else(|| panic!("{run}: {content}"));
        assert!(data.ends_with("ErkJggg=="), "{run}: {content}");
        assert_eq!(
            data.starts_with("data:image/png;base64,"),
            run.upstream == Dialect::OpenAi,
            "{run}: {content}"
        );
        assert_eq!(url, "https://example.com/cat.png", "{run}");
    }
}

#[test]
fn thinking_is_kept_apart_from_the_answer() {
    for run in runs() {
        for scenario in ["thinking", "stream_thinking"] {
            let seen = run.result(scenario);
            assert_eq!(seen["text"], "It is sunny.", "{run} {scenario}");
            assert_eq!(seen["reasoning"], "Let me think.", "{run} {scenario}");
            if run.sdk.dialect == Dialect::Anthropic {
                assert_eq!(
                    seen["order"],
                    json!(["thinking", "text"]),
                    "{run} {scenario}"
                );
                if run.upstream == Dialect::Anthropic {
                    assert_eq!(seen["signature"], "signature-scripted", "{run} {scenario}");
                }
            }
        }
        let sent = run.call("thinking").json();
        match run.upstream {
            Dialect::OpenAi => assert!(sent["reasoning_effort"].is_string(), "{run}: {sent}"),
            Dialect::Anthropic => assert!(sent["thinking"].is_object(), "{run}: {sent}"),
        }
    }
}

#[test]
fn an_answer_that_was_too_long_says_so() {
    for run in runs() {
        let expected = match run.sdk.dialect {
            Dialect::OpenAi => "length",
            Dialect::Anthropic => "max_tokens",
        };
        assert_eq!(run.result("length"), expected, "{run}");
    }
}

#[test]
fn errors_are_the_exceptions_that_the_sdk_has_for_them() {
    for run in runs() {
        let errors = run.result("errors");
        for (scenario, class, status) in [
            ("unknown_token", "AuthenticationError", 401),
            ("unknown_model", "NotFoundError", 404),
            ("bad_request", "BadRequestError", 400),
            ("rate_limit", "RateLimitError", 429),
            ("rate_limit_stream", "RateLimitError", 429),
            ("refused_key", "InternalServerError", 502),
            ("unknown_model_retrieved", "NotFoundError", 404),
        ] {
            let error = &errors[scenario];
            let classes = array(&error["classes"]);
            assert!(classes.contains(&json!(class)), "{run} {scenario}: {error}");
            assert_eq!(error["status"], status, "{run} {scenario}");
            assert!(error["request_id"].is_string(), "{run} {scenario}: {error}");
        }
        let words = errors["bad_request"].to_string();
        assert!(
            words.contains("the first message is too short"),
            "{run}: {words}"
        );
        assert!(!errors.to_string().contains(KEY_CANARY), "{run}: {errors}");
    }
}

#[test]
fn a_stream_that_breaks_raises_instead_of_looking_complete() {
    for run in runs() {
        let seen = run.result("broken_stream");
        assert!(seen["raised_error"].is_object(), "{run}: {seen}");
    }
}

#[test]
fn models_are_listed_in_the_callers_dialect_and_scope() {
    for run in runs() {
        let seen = run.result("models");
        let ids: Vec<&str> = array(&seen["ids"])
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(
            ids.iter().all(|id| id.ends_with(&run.suffix)),
            "{run}: no others: {ids:?}"
        );
        assert_eq!(
            ids.len(),
            MODELS.len(),
            "{run}: this token's models: {ids:?}"
        );
        let one = &seen["one"];
        assert_eq!(one["id"], format!("models-{}", run.suffix), "{run}");
        match run.sdk.dialect {
            Dialect::OpenAi => assert_eq!(one["object"], "model", "{run}: {one}"),
            Dialect::Anthropic => assert_eq!(one["type"], "model", "{run}: {one}"),
        }
    }
}

#[test]
fn the_caller_s_token_and_the_gateway_s_headers_stay_here() {
    for run in runs() {
        for call in run.provider.calls() {
            let everything = call.everything().to_lowercase();
            for internal in ["x-tollgate", "x-envoy", "x-forwarded"] {
                assert!(!everything.contains(internal), "{run}: {everything}");
            }
            let key = match run.upstream {
                Dialect::OpenAi => call
                    .header("authorization")
                    .and_then(|v| v.strip_prefix("Bearer ")),
                Dialect::Anthropic => call.header("x-api-key"),
            };
            assert!(
                key.is_some_and(|k| k.starts_with("provider-key-canary")),
                "{run}: {everything}"
            );
            assert_eq!(
                everything.matches("provider-key-canary").count(),
                1,
                "{run}"
            );
        }
    }
}

/// The provider behind all runs; also tried by itself.
pub(crate) fn scripted(dialect: Dialect) -> Provider {
    let tools = Answer::text("Sunny in both.")
        .tool("call_paris", "get_weather", json!({"city": "Paris"}))
        .tool("call_rome", "get_weather", json!({"city": "Rome"}));
    let thinking = Answer::text("It is sunny.").thinking("Let me think.", "signature-scripted");
    let cut_short = Answer::text("It").stops_for(match dialect {
        Dialect::OpenAi => "length",
        Dialect::Anthropic => "max_tokens",
    });
    let refused_key = format!("Incorrect API key provided: {KEY_CANARY}.");
    Provider::speaking(dialect)
        .plays(Answer::text("It is sunny.").usage(USAGE))
        .model("tools", tools.clone())
        .model("stream_tools", tools)
        .model("thinking", thinking.clone())
        .model("stream_thinking", thinking)
        .model("length", cut_short)
        .model(
            "bad_request",
            Fault::Says(400, "the first message is too short".into(), vec![]),
        )
        .model("rate_limit", Fault::Status(429))
        .model("refused_key", Fault::Says(401, refused_key, vec![]))
        .model("broken_stream", Fault::ErrorAfter(3))
        .start()
}

/// Every SDK before every upstream, played once for all tests.
fn runs() -> impl Iterator<Item = &'static Run> {
    static RUNS: OnceLock<Vec<Run>> = OnceLock::new();
    RUNS.get_or_init(|| {
        std::thread::scope(|scope| {
            let pairs = Sdk::ALL
                .into_iter()
                .flat_map(|s| Dialect::ALL.map(|upstream| (s, upstream)));
            let runs: Vec<_> = pairs
                .map(|(s, u)| scope.spawn(move || Run::play(s, u)))
                .collect();
            runs.into_iter()
                .map(|run| run.join().expect("the SDK's script runs"))
                .collect()
        })
    })
    .iter()
}

impl Run {
    fn play(sdk: Sdk, upstream: Dialect) -> Self {
        let provider = scripted(upstream);
        let scene = Scene::on(Gateway::shared())
            .models(&MODELS)
            .channel(&provider)
            .ready();
        let played = sdk.play(scene.address, &scene.token.key, &scene.name);
        Self {
            sdk,
            upstream,
            suffix: scene.name,
            played,
            provider,
        }
    }

    /// What the scenario returned.
    #[track_caller]
    fn result(&self, scenario: &str) -> &Value {
        let result = &self.played[scenario];
        assert!(
            result.get("raised").is_none(),
            "{self} {scenario}: {result}"
        );
        result
    }

    fn call(&self, scenario: &str) -> Call {
        self.nth_call(scenario, 0)
    }

    #[track_caller]
    fn nth_call(&self, scenario: &str, n: usize) -> Call {
        let model = format!("{scenario}-{}", self.suffix);
        let mut calls = self
            .provider
            .calls()
            .into_iter()
            .filter(|c| c.json()["model"] == *model);
        calls
            .nth(n)
            .unwrap_or_else(|| panic!("{self}: no call number {n} for {model}"))
    }

    fn natural_end(&self) -> &'static str {
        match self.sdk.dialect {
            Dialect::OpenAi => "stop",
            Dialect::Anthropic => "end_turn",
        }
    }

    fn tool_end(&self) -> &'static str {
        match self.sdk.dialect {
            Dialect::OpenAi => "tool_calls",
            Dialect::Anthropic => "tool_use",
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} before an upstream of {:?}", self.sdk, self.upstream)
    }
}
