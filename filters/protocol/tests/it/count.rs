//! Counting tokens: envelopes of requests and answers, the estimate, recordings.

use serde_json::{Value, json};
use tollgate_protocol::count::{
    Counter, estimate, peek, read_answer, read_request, rewrite, write_answer, write_request,
};

use crate::recordings::counts as recorded;
use crate::support::{C, G, M, TARGET, body, value};

const COUNTERS: [Counter; 5] = [
    Counter::Anthropic,
    Counter::Responses,
    Counter::Gemini,
    Counter::Vertex,
    Counter::Bedrock,
];

#[test]
fn answers_cross_between_all_counters() {
    for (counter, expected) in [
        (Counter::Anthropic, json!({"input_tokens": 7})),
        (
            Counter::Responses,
            json!({"object": "response.input_tokens", "input_tokens": 7}),
        ),
        (Counter::Gemini, json!({"totalTokens": 7})),
        (Counter::Vertex, json!({"totalTokens": 7})),
        (Counter::Bedrock, json!({"inputTokens": 7})),
    ] {
        let written = write_answer(counter, 7);
        assert_eq!(value(&written), expected);
        assert_eq!(read_answer(counter, &written).unwrap(), 7);
        for broken in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"error":{"message":"no"}}"#,
            r#"{"input_tokens":-1,"totalTokens":"7","inputTokens":null}"#,
        ] {
            let error = read_answer(counter, broken.as_bytes()).unwrap_err();
            assert!(error.kind.worth_another_channel(), "{broken}: {error:?}");
        }
    }
}

#[test]
fn a_request_is_written_without_what_matters_only_to_the_answer() {
    let chat = json!({"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}], "max_tokens": 9, "temperature": 0.5, "stop": ["x"],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]});
    let request = read_request(C, &body(&chat)).unwrap();
    let written = write_request(M, Counter::of(M), &request, &TARGET).unwrap();
    let written = value(&written.body);
    let mut keys: Vec<_> = written.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["messages", "model", "system", "tools"]);
    assert_eq!(written["model"], "upstream-model");
    assert_eq!(
        write_request(C, Counter::of(C), &request, &TARGET)
            .unwrap_err()
            .field,
        "model"
    );
}

#[test]
fn a_request_need_not_limit_the_answer() {
    let request = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    assert!(read_request(M, &body(&request)).is_ok());
}

#[test]
fn vertex_is_asked_without_geminis_envelope() {
    let chat = json!({"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}], "max_tokens": 9});
    let request = read_request(C, &body(&chat)).unwrap();
    let keys = |counter| {
        let written = write_request(G, Some(counter), &request, &TARGET).unwrap();
        let written = value(&written.body);
        let keys = written.as_object().unwrap().keys().cloned();
        keys.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys(Counter::Gemini), "generateContentRequest");
    assert_eq!(
        keys(Counter::Vertex),
        "contents generationConfig systemInstruction"
    );

    let plain = r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
    let wrapped = r#"{"generateContentRequest":{"model":"models/m", "contents":[{"parts":[{"text":"hi"}]}], "safetySettings":[]}}"#;
    for (counter, sent, expected) in [
        (Counter::Vertex, plain, None),
        (Counter::Vertex, wrapped, Some(plain)),
        (Counter::Gemini, plain, None),
        (Counter::Gemini, wrapped, None),
    ] {
        let sent = body(sent);
        let peeked = peek(G, &sent, Some("m")).unwrap();
        let rewritten = rewrite(counter, &sent, &peeked, "m");
        let rewritten = rewritten.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(rewritten.as_deref(), expected);
    }
    assert!(Counter::Vertex.answers_like(Counter::Gemini));
    assert!(!Counter::Vertex.answers_like(Counter::Anthropic));
}

#[test]
fn paths_below_the_base_url() {
    let paths = COUNTERS.map(|counter| counter.path("m"));
    assert_eq!(
        paths,
        [
            "/messages/count_tokens",
            "/responses/input_tokens",
            "/models/m:countTokens",
            "/models/m:countTokens",
            "/model/m/count-tokens",
        ]
    );
}

#[test]
fn the_estimate_grows_with_what_a_model_reads() {
    let of = |json: Value| estimate(&read_request(M, &body(&json)).unwrap());
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A".repeat(80_000)}});
    let tool =
        json!({"name": "f", "description": "d".repeat(40), "input_schema": {"type": "object"}});
    for (json, low, high) in [
        (json!({"model": "m", "messages": user(json!("four"))}), 2, 8),
        (
            json!({"model": "m", "messages": user(json!("x".repeat(4_000)))}),
            1_000,
            1_010,
        ),
        (
            json!({"model": "m", "messages": user(json!([image]))}),
            500,
            2_000,
        ),
        (
            json!({"model": "m", "system": "y".repeat(400), "messages": user(json!("x")), "tools": [tool]}),
            110,
            140,
        ),
    ] {
        let tokens = of(json.clone());
        assert!((low..=high).contains(&tokens), "{tokens}");
    }
}

/// Recorded counts are read, and become every other counter's; recorded requests of
/// dialects that are known are read, and the estimate is not absurd.
#[test]
fn recordings() {
    let (mut answers, mut estimates) = (0, 0);
    for (name, counter, json) in recorded() {
        let bytes = json["response_json"].to_string().into_bytes();
        if json["status"] != 200 {
            assert!(read_answer(counter, &bytes).is_err(), "{name}");
            continue;
        }
        answers += 1;
        let tokens = read_answer(counter, &bytes).unwrap();
        for to in COUNTERS {
            assert_eq!(read_answer(to, &write_answer(to, tokens)).unwrap(), tokens);
        }
        let dialects = tollgate_protocol::ALL.iter();
        for dialect in dialects
            .filter(|dialect| Counter::of(**dialect).is_some_and(|own| own.answers_like(counter)))
        {
            if counter == Counter::Bedrock {
                continue;
            }
            let request = read_request(*dialect, &body(&json["request"])).unwrap();
            let estimate = estimate(&request) as f64;
            let share = estimate / tokens as f64;
            assert!(
                (0.3..3.0).contains(&share),
                "{name}: {estimate} of {tokens}"
            );
            estimates += 1;
            let written = write_request(*dialect, Some(counter), &request, &TARGET).unwrap();
            let again = read_request(*dialect, &body(value(&written.body))).unwrap();
            assert_eq!(again.messages.len(), request.messages.len(), "{name}");
        }
    }
    println!("counts: {answers} answers read, {estimates} requests estimated");
}
