//! The vendors' SDKs, both generations, against models of their own vendor and of the others: who
//! answers must not be noticed.

use serde_json::{Value, json};
use tollgate_tests::Dialect;
use tollgate_tests::dialect::array;

use crate::runs::{KEY_CANARY, MODELS, Run, runs};

#[test]
fn text_comes_through_whole() {
    for run in runs() {
        let answer = run.result("text");
        assert_eq!(run.sdk.dialect.text_of(answer), "It is sunny.", "{run}");
        let [model, stop, input, output] = match run.sdk.dialect {
            Dialect::OpenAi => [
                "/model",
                "/choices/0/finish_reason",
                "/usage/prompt_tokens",
                "/usage/completion_tokens",
            ],
            Dialect::Gemini => [
                "/modelVersion",
                "/candidates/0/finishReason",
                "/usageMetadata/promptTokenCount",
                "/usageMetadata/candidatesTokenCount",
            ],
            Dialect::Responses => [
                "/model",
                "/status",
                "/usage/input_tokens",
                "/usage/output_tokens",
            ],
            _ => [
                "/model",
                "/stop_reason",
                "/usage/input_tokens",
                "/usage/output_tokens",
            ],
        };
        // Anthropic's count of the input is net of the cache, all others' is gross.
        let counted = if run.sdk.dialect == Dialect::Anthropic {
            16 - run.cached()
        } else {
            16
        };
        for (field, expected) in [
            (model, json!(run.model("text"))),
            (stop, json!(run.natural_end())),
            (input, json!(counted)),
            (output, json!(7)),
        ] {
            assert_eq!(answer.pointer(field), Some(&expected), "{run}: {answer}");
        }
    }
}

#[test]
fn the_upstream_is_asked_in_its_own_dialect() {
    for run in runs() {
        let call = run.call("text");
        let (path, sent) = (call.path.as_str(), call.json());
        assert_eq!(
            path,
            run.upstream.path_to(&run.upstream_model("text"), false),
            "{run}"
        );
        let (system, max_tokens) = match run.upstream {
            Dialect::OpenAi => ("/messages/0", "/max_completion_tokens"),
            Dialect::Completions => unreachable!("no SDK is run against it"),
            Dialect::Anthropic | Dialect::BedrockClaude | Dialect::VertexClaude => {
                ("/system", "/max_tokens")
            }
            Dialect::Responses if run.sdk.dialect == Dialect::OpenAi => {
                ("/input/0", "/max_output_tokens")
            }
            Dialect::Responses => ("/instructions", "/max_output_tokens"),
            Dialect::Gemini => ("/systemInstruction", "/generationConfig/maxOutputTokens"),
            Dialect::Bedrock => ("/system", "/inferenceConfig/maxTokens"),
            Dialect::Cohere => ("/messages/0", "/max_tokens"),
            Dialect::Ollama => ("/messages/0", "/options/num_predict"),
        };
        let at = |pointer: &str| sent.pointer(pointer).cloned().unwrap_or_default();
        let system = at(system).to_string();
        assert!(system.contains("Be brief."), "{run}: {sent}");
        assert_eq!(at(max_tokens), 64, "{run}: {sent}");
        if run.upstream == Dialect::Anthropic {
            assert!(call.header("anthropic-version").is_some(), "{run}");
        }
    }
}

#[test]
fn stop_sequences_stop_or_are_refused() {
    for run in runs().filter(|run| run.sdk.dialect != Dialect::Responses) {
        let place = match run.upstream {
            Dialect::OpenAi => "/stop",
            Dialect::Completions => unreachable!("no SDK is run against it"),
            Dialect::Anthropic
            | Dialect::BedrockClaude
            | Dialect::VertexClaude
            | Dialect::Cohere => "/stop_sequences",
            Dialect::Gemini => "/generationConfig/stopSequences",
            Dialect::Bedrock => "/inferenceConfig/stopSequences",
            Dialect::Ollama => "/options/stop",
            // It has none, and an answer that goes on is not what was asked for.
            Dialect::Responses => {
                assert_eq!(run.raised("stop_sequences")["status"], 400, "{run}");
                continue;
            }
        };
        assert_eq!(run.result("stop_sequences"), "It is sunny.", "{run}");
        let sent = run.call("stop_sequences").json();
        assert_eq!(sent.pointer(place), Some(&json!(["END"])), "{run}: {sent}");
    }
}

#[test]
fn a_stream_comes_in_pieces_with_one_beginning_and_one_end() {
    for run in runs() {
        let seen = run.result("stream");
        assert_eq!(seen["text"], "It is sunny.", "{run}");
        assert_eq!(seen["pieces"], 3, "{run}: the upstream sent three");
        assert_eq!(seen["finish_reasons"], json!([run.natural_end()]), "{run}");
        let types = array(&seen["types"]);
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
                assert_eq!(types.last(), Some(&json!("message_stop")), "{run}");
            }
            Dialect::Responses => {
                assert_eq!(seen["input_tokens"], 16, "{run}");
                assert_eq!(seen["output_tokens"], 7, "{run}");
                assert_eq!(types.last(), Some(&json!("response.completed")), "{run}");
            }
            _ => {
                assert_eq!(seen["ids"], 1, "{run}");
                assert_eq!(seen["input_tokens"], 16, "{run}");
                assert_eq!(seen["output_tokens"], 7, "{run}");
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
                "/usage/completion_tokens",
                "/usage/prompt_tokens_details/cached_tokens",
            ),
            Dialect::Anthropic => ("/usage/output_tokens", "/usage/cache_read_input_tokens"),
            Dialect::Responses => (
                "/usage/output_tokens",
                "/usage/input_tokens_details/cached_tokens",
            ),
            _ => (
                "/usageMetadata/candidatesTokenCount",
                "/usageMetadata/cachedContentTokenCount",
            ),
        };
        assert_eq!(answer.pointer(output), Some(&json!(7)), "{run}: {answer}");
        // A message_start comes before most upstreams have told any usage.
        let early = [Dialect::Anthropic, Dialect::Gemini].contains(&run.upstream);
        if run.sdk.dialect != Dialect::Anthropic || early {
            let cached = answer.pointer(cached).and_then(Value::as_u64);
            assert_eq!(cached.unwrap_or(0), run.cached(), "{run}: {answer}");
        }
    }
}

#[test]
fn an_answer_that_was_too_long_says_so() {
    for run in runs() {
        let expected = match run.sdk.dialect {
            Dialect::OpenAi => "length",
            Dialect::Anthropic => "max_tokens",
            Dialect::Responses => "max_output_tokens",
            _ => "MAX_TOKENS",
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
            let class = match (run.sdk.dialect, status) {
                // Google's SDK tells them apart by who is to blame.
                (Dialect::Gemini, 500..) => "ServerError",
                (Dialect::Gemini, _) => "ClientError",
                _ => class,
            };
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
            ids.iter().all(|id| id.ends_with(&run.scene.name)),
            "{run}: no others: {ids:?}"
        );
        assert_eq!(
            ids.len(),
            MODELS.len(),
            "{run}: this token's models: {ids:?}"
        );
        let one = &seen["one"];
        let id = run.model("models");
        let (field, expected) = match run.sdk.dialect {
            Dialect::Gemini => ("name", json!(format!("models/{id}"))),
            _ => ("id", json!(id)),
        };
        assert_eq!(one[field], expected, "{run}: {one}");
        match run.sdk.dialect {
            Dialect::Gemini => {}
            Dialect::Anthropic => assert_eq!(one["type"], "model", "{run}: {one}"),
            _ => assert_eq!(one["object"], "model", "{run}: {one}"),
        }
    }
}

#[test]
fn l13_the_caller_s_token_and_the_gateway_s_headers_stay_here() {
    for run in runs() {
        for call in run.provider.calls() {
            let everything = call.everything().to_lowercase();
            for internal in ["x-tollgate", "x-envoy", "x-forwarded"] {
                assert!(!everything.contains(internal), "{run}: {everything}");
            }
            let key = call.header(run.upstream.key_header()).unwrap_or_default();
            let key = key.strip_prefix("Bearer ").unwrap_or(key);
            assert!(
                key.starts_with("provider-key-canary"),
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

#[test]
fn the_ledger_equals_the_providers_own_books() {
    for run in runs() {
        let calls = run.provider.calls().len();
        let attempts = |run: &Run| -> usize {
            let rows = run.scene.logs();
            rows.iter().map(|row| row.attempts().len()).sum()
        };
        tollgate_tests::eventually("all calls are in the ledger", || {
            let booked = attempts(run);
            if booked == calls {
                Ok(())
            } else {
                Err(format!("{run}: {booked} of {calls}"))
            }
        });
        // What was counted of a stream that broke is the gateway's own estimate.
        let rows = run.scene.logs();
        let whole = rows.iter().filter(|row| row.outcome() == "success");
        let booked = whole.fold((0, 0), |sum, row| {
            let (input, output) = row.tokens();
            (sum.0 + input, sum.1 + output)
        });
        let (told, broken) = (
            run.provider.told(),
            run.provider.told_of(&run.upstream_model("broken_stream")),
        );
        let expected = (
            told.gross_input() - broken.gross_input(),
            told.output - broken.output,
        );
        assert_eq!(booked, expected, "{run}");
        assert!(expected.0 > 100, "{run}: {expected:?}");
    }
}
