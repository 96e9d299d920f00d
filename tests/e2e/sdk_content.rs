//! The vendors' SDKs: what is more than text. Tools, thoughts and what proves them, images, answers
//! after a schema.

use serde_json::{Value, json};
use tollgate_tests::Dialect;
use tollgate_tests::dialect::array;

use crate::runs::{Run, SIGNATURE, runs};

#[test]
fn parallel_tools_are_called_and_answered() {
    for run in runs() {
        for scenario in ["tools", "stream_tools"] {
            assert_looped(run, scenario);
            let seen = run.result(scenario);
            assert_eq!(
                seen["finish_reasons"],
                json!([run.tool_end(), run.natural_end()]),
                "{run}"
            );
        }
        let (asked, answered) = (
            run.nth_call("tools", 0).json(),
            run.nth_call("tools", 1).json(),
        );
        let (schema, results) = match run.upstream {
            Dialect::Anthropic | Dialect::BedrockClaude | Dialect::VertexClaude => {
                ("/tools/0/input_schema", "tool_use_id")
            }
            Dialect::Responses => ("/tools/0/parameters", "function_call_output"),
            Dialect::Gemini if run.sdk.dialect == Dialect::Gemini => (
                "/tools/0/functionDeclarations/0/parameters_json_schema",
                "functionResponse",
            ),
            Dialect::Gemini => (
                "/tools/0/functionDeclarations/0/parametersJsonSchema",
                "functionResponse",
            ),
            Dialect::Bedrock => (
                "/toolConfig/tools/0/toolSpec/inputSchema/json",
                "\"toolResult\"",
            ),
            Dialect::Ollama => ("/tools/0/function/parameters", "\"role\":\"tool\""),
            Dialect::OpenAi | Dialect::Cohere => ("/tools/0/function/parameters", "tool_call_id"),
            Dialect::Completions => unreachable!("no SDK is run against it"),
        };
        let schema = asked.pointer(schema).unwrap_or(&Value::Null);
        assert_eq!(schema["required"], json!(["city"]), "{run}: {asked}");
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
fn googles_sdk_calls_the_programs_functions_by_itself() {
    for run in runs().filter(|run| run.sdk.dialect == Dialect::Gemini) {
        let seen = run.result("automatic_tools");
        assert_eq!(seen["asked_for"], json!(["Paris", "Rome"]), "{run}");
        assert_eq!(seen["answer"], "Sunny in both.", "{run}");
    }
}

#[test]
fn what_proves_thoughts_goes_back_with_the_results() {
    for run in runs() {
        for scenario in ["thinking_tools", "stream_thinking_tools"] {
            // The provider refuses what it has not given, and a call without its proof.
            assert_looped(run, scenario);
            let second = run.nth_call(scenario, 1).json().to_string();
            if gives_proof(run.upstream) {
                assert!(second.contains(SIGNATURE), "{run} {scenario}: {second}");
            }
        }
    }
}

#[test]
fn thinking_is_kept_apart_from_the_answer() {
    for run in runs() {
        for scenario in ["thinking", "stream_thinking"] {
            let seen = run.result(scenario);
            assert_eq!(seen["text"], "It is sunny.", "{run} {scenario}");
            // Summaries are for whom OpenAI has verified: a caller who did not ask gets none.
            let shown = (run.sdk.dialect, run.upstream) != (Dialect::OpenAi, Dialect::Responses);
            let reasoning = seen["reasoning"].as_str().unwrap_or_default();
            let expected = if shown { "Let me think." } else { "" };
            assert_eq!(reasoning, expected, "{run} {scenario}");
            if run.sdk.dialect == Dialect::Anthropic {
                let order = array(&seen["order"]);
                assert_eq!(order[0], "thinking", "{run} {scenario}: {order:?}");
                let texts = order.iter().filter(|kind| **kind == "text").count();
                assert_eq!(texts, 1, "{run} {scenario}: {order:?}");
            }
            if run.sdk.dialect == run.upstream && gives_proof(run.upstream) {
                assert_eq!(seen["signature"], SIGNATURE, "{run} {scenario}");
            }
        }
        let sent = run.call("thinking").json();
        let told = match run.upstream {
            Dialect::OpenAi => &sent["reasoning_effort"],
            Dialect::Completions => unreachable!("no SDK is run against it"),
            Dialect::Anthropic
            | Dialect::BedrockClaude
            | Dialect::VertexClaude
            | Dialect::Cohere => &sent["thinking"],
            Dialect::Responses => &sent["reasoning"],
            Dialect::Gemini => &sent["generationConfig"]["thinkingConfig"],
            Dialect::Bedrock => &sent["additionalModelRequestFields"],
            Dialect::Ollama => &sent["think"],
        };
        assert!(!told.is_null(), "{run}: {sent}");
    }
}

#[test]
fn images_arrive_as_data() {
    for run in runs() {
        assert_eq!(run.result("images"), "It is sunny.", "{run}");
        let sent = run.call("images").json();
        let (place, is_url) = match run.upstream {
            Dialect::OpenAi | Dialect::Cohere => ("/messages/0/content/1/image_url/url", true),
            Dialect::Completions => unreachable!("no SDK is run against it"),
            Dialect::Anthropic | Dialect::BedrockClaude | Dialect::VertexClaude => {
                ("/messages/0/content/1/source/data", false)
            }
            Dialect::Responses => ("/input/0/content/1/image_url", true),
            Dialect::Gemini => ("/contents/0/parts/1/inlineData/data", false),
            Dialect::Bedrock => ("/messages/0/content/1/image/source/bytes", false),
            Dialect::Ollama => ("/messages/0/images/0", false),
        };
        let data = sent.pointer(place).and_then(Value::as_str);
        let data = data.unwrap_or_else(|| panic!("{run}: {sent}"));
        assert!(data.ends_with("ErkJggg=="), "{run}: {sent}");
        assert_eq!(
            data.starts_with("data:image/png;base64,"),
            is_url,
            "{run}: {sent}"
        );
    }
}

#[test]
fn images_arrive_as_urls_where_the_upstream_fetches_them() {
    for run in runs() {
        if [Dialect::Bedrock, Dialect::Ollama].contains(&run.upstream) {
            let raised = run.raised("image_urls");
            assert_eq!(raised["status"], 400, "{run}: {raised}");
            continue;
        }
        assert_eq!(run.result("image_urls"), "It is sunny.", "{run}");
        let sent = run.call("image_urls").json();
        let place = match run.upstream {
            Dialect::Anthropic => "/messages/0/content/1/source/url",
            Dialect::Responses => "/input/0/content/1/image_url",
            Dialect::Gemini if run.sdk.dialect == Dialect::Gemini => {
                "/contents/0/parts/1/fileData/file_uri"
            }
            Dialect::Gemini => "/contents/0/parts/1/fileData/fileUri",
            _ => "/messages/0/content/1/image_url/url",
        };
        let url = sent.pointer(place).and_then(Value::as_str);
        assert_eq!(url, Some("https://example.com/cat.png"), "{run}: {sent}");
    }
}

#[test]
fn an_answer_after_a_schema_is_what_the_program_asked_for() {
    for run in runs() {
        for scenario in ["structured", "stream_structured"] {
            let seen = run.result(scenario);
            assert_eq!(
                seen,
                &json!({"city": "Paris", "degrees": 21}),
                "{run} {scenario}"
            );
            let sent = run.call(scenario).json();
            assert!(
                sent.to_string().contains("degrees"),
                "{run} {scenario}: the upstream knows the schema: {sent}"
            );
        }
    }
}

/// Two calls side by side, and an answer to their results.
#[track_caller]
fn assert_looped(run: &Run, scenario: &str) {
    let seen = run.result(scenario);
    let calls = array(&seen["calls"]);
    let said: Vec<&Value> = calls.iter().map(|call| &call[2]["city"]).collect();
    assert_eq!(said, ["Paris", "Rome"], "{run} {scenario}: {seen}");
    assert_ne!(
        calls[0][0], calls[1][0],
        "{run} {scenario}: each has its own id"
    );
    assert_eq!(seen["answer"], "Sunny in both.", "{run} {scenario}");
}

/// Whether an upstream proves its thoughts and wants the proof back.
fn gives_proof(upstream: Dialect) -> bool {
    matches!(
        upstream,
        Dialect::Anthropic | Dialect::Responses | Dialect::Gemini | Dialect::Bedrock
    )
}
