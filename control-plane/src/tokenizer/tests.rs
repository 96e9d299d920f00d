//! What is known of counts: OpenAI's cookbook, and what providers' own endpoints answered.

use serde_json::{Value, json};
use tollgate_config::counting::Uncounted;
use tollgate_config::meter::{Attempt, Usage};

use super::*;

fn short(body: &Value) -> Shortened {
    Shortened::new(&body.to_string(), usize::MAX).unwrap()
}

fn tokens(dialect: &str, model: &str, body: &Value) -> u64 {
    request(dialect.parse().unwrap(), model, &short(body)).unwrap()
}

/// <https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb>
#[test]
fn the_cookbook_s_messages() {
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
        {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
        {"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
        {"role": "system", "name": "example_user", "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
        {"role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better."},
        {"role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable."}
    ]});
    for (model, expected) in [
        ("gpt-3.5-turbo", 129),
        ("gpt-4-0613", 129),
        ("gpt-4o", 124),
        ("gpt-4o-mini", 124),
    ] {
        assert_eq!(tokens("openai-chat", model, &body), expected, "{model}");
    }
}

/// From the same place.
#[test]
fn the_cookbook_s_tools() {
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
        {"role": "user", "content": "What's the weather like in San Francisco?"}
    ], "tools": [{"type": "function", "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {"type": "object", "properties": {
            "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
            "unit": {"type": "string", "description": "The unit of temperature to return", "enum": ["celsius", "fahrenheit"]}
        }, "required": ["location"]}
    }}]});
    for (model, expected) in [("gpt-3.5-turbo", 105), ("gpt-4", 105), ("gpt-4o", 101)] {
        assert_eq!(tokens("openai-chat", model, &body), expected, "{model}");
    }
}

/// Answers of the providers' own endpoints, from recordings.
#[test]
fn what_providers_counted() {
    let user = |text: &str| json!([{"role": "user", "content": text}]);
    let weather = json!({"type": "function", "name": "get_weather", "description": "Get the weather for a location",
        "parameters": {"additionalProperties": false, "properties": {"location": {"type": "string"}}, "type": "object"}, "strict": false});
    for (dialect, model, body, counted, off_by) in [
        (
            "openai-chat",
            "gpt-4o",
            json!({"model": "m", "messages": user("What is the capital of Mexico?")}),
            14,
            0,
        ),
        (
            "openai-responses",
            "gpt-4.1-mini",
            json!({"model": "m", "input": user(""), "instructions": "Follow the system instructions."}),
            16,
            0,
        ),
        (
            "openai-responses",
            "gpt-4.1-mini",
            json!({"model": "m", "input": user("What is the weather in Paris?"), "tools": [weather]}),
            51,
            1,
        ),
        (
            "openai-responses",
            "gpt-4.1-mini",
            json!({"model": "m", "input": user("The quick brown fox jumps over the lazy dog.")}),
            18,
            1,
        ),
        (
            "anthropic",
            "claude-sonnet-4-5",
            json!({"model": "m", "messages": user("What is 2 + 2?")}),
            16,
            1,
        ),
        (
            "anthropic",
            "claude-3-opus-latest",
            json!({"model": "m", "messages": user("What is the capital of France?"), "system": "You are a helpful assistant.\n\n"}),
            20,
            1,
        ),
        (
            "gemini",
            "gemini-2.5-flash",
            json!({"contents": [{"role": "user", "parts": [{"text": "What is the capital of France?"}]}], "systemInstruction": {"parts": [{"text": "You are a helpful chatbot."}]}}),
            13,
            0,
        ),
    ] {
        let ours = tokens(dialect, model, &body);
        assert!(
            ours.abs_diff(counted) <= off_by,
            "{model}: {ours} of {counted}: {body}"
        );
    }
}

#[test]
fn pictures_have_the_published_figures_whatever_their_size() {
    let picture = "A".repeat(400_000);
    let uri = format!("data:image/png;base64,{picture}");
    let url = |detail: &str| {
        json!({"model": "m", "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": &uri, "detail": detail}}]}]})
    };
    let inline = json!({"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": &picture}}]}]});
    let source = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": &picture}}]}]});
    for (dialect, model, body, expected) in [
        ("openai-chat", "gpt-4o", url("low"), 7 + 85),
        ("openai-chat", "gpt-4o", url("high"), 7 + 765),
        ("openai-chat", "gpt-4o-mini", url("auto"), 7 + 25_501),
        ("anthropic", "claude-sonnet-4-5", source, 7 + 1_600),
        ("gemini", "gemini-2.5-pro", inline, 560),
    ] {
        assert_eq!(tokens(dialect, model, &body), expected, "{model}");
        // As it comes from a gateway.
        let shortened = Shortened::new(&body.to_string(), 10_000).unwrap();
        let dialect = dialect.parse().unwrap();
        assert_eq!(
            request(dialect, model, &shortened),
            Some(expected),
            "{model}"
        );
    }
}

#[test]
fn a_conversation_counts_all_its_parts() {
    let of = |messages: Value| {
        tokens(
            "openai-chat",
            "gpt-4o",
            &json!({"model": "m", "messages": messages}),
        )
    };
    let (question, call, result) = (
        json!({"role": "user", "content": "Weather in Paris?"}),
        json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function",
            "function": {"name": "get_weather", "arguments": "{\"city\":\"Paris\"}"}}]}),
        json!({"role": "tool", "tool_call_id": "c", "content": "It rains, and it will rain."}),
    );
    let counts = [
        of(json!([question])),
        of(json!([question, call])),
        of(json!([question, call, result])),
    ];
    assert!(counts.is_sorted_by(|a, b| a + 8 < *b), "{counts:?}");
}

#[tokio::test]
async fn calls_of_gateways_are_counted() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "What is the capital of Mexico?"}]});
    let call = |dialect: &str, request: Option<Shortened>| Call {
        dialect: dialect.into(),
        model: "gpt-4o".into(),
        request,
    };
    let tokenizer = Tokenizer::default();
    let good = call("openai-chat", Some(short(&body)));
    assert_eq!(tokenizer.count(good).await, Some(14));
    for bad in [
        call("", Some(short(&body))),
        call("openai-chat", None),
        call("openai-chat", Some(Shortened::default())),
        call("openai-chat", Some(short(&json!({"messages": 7})))),
    ] {
        assert_eq!(tokenizer.count(bad).await, None);
    }
}

fn event(dialect: &str, uncounted: Uncounted) -> UsageEvent {
    UsageEvent {
        id: "e".into(),
        dialect: dialect.into(),
        model: "ours".into(),
        attempts: vec![Attempt {
            model: "gpt-4o".into(),
            ..Attempt::default()
        }],
        usage: Some(Usage {
            input_tokens: 900,
            output_tokens: 900,
            estimated: true,
            ..Usage::default()
        }),
        uncounted: Some(uncounted),
        ..UsageEvent::default()
    }
}

#[tokio::test]
async fn usage_that_nobody_told_is_counted() {
    let question = json!({"model": "m", "messages": [{"role": "user", "content": "What is the capital of Mexico?"}]});
    let answer = json!({"object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "hello world"}}]});
    let texts = json!({"model": "m", "input": ["hello world", "hello"]});
    let ids = json!({"model": "m", "input": [1, 2, 3]});
    let none = Uncounted::default();
    for (what, uncounted, expected) in [
        (
            "a stream",
            Uncounted {
                request: Some(short(&question)),
                said: "hello world".into(),
                said_bytes: 11,
                ..none.clone()
            },
            (14, 2),
        ),
        (
            "more than was kept",
            Uncounted {
                said: "hello world".into(),
                said_bytes: 1_100,
                ..none.clone()
            },
            (900, 200),
        ),
        (
            "less than was told",
            Uncounted {
                said: "hello world".into(),
                said_bytes: 11,
                told_output_tokens: 5,
                ..none.clone()
            },
            (900, 5),
        ),
        (
            "a whole answer",
            Uncounted {
                request: Some(short(&question)),
                answer: Some(short(&answer)),
                ..none.clone()
            },
            (14, 2),
        ),
        (
            "vectors",
            Uncounted {
                request: Some(short(&texts)),
                shape: "openai".into(),
                ..none.clone()
            },
            (3, 900),
        ),
        (
            "vectors of token ids",
            Uncounted {
                request: Some(short(&ids)),
                shape: "openai".into(),
                ..none.clone()
            },
            (3, 900),
        ),
        (
            "what cannot be read stays an estimate",
            Uncounted {
                request: Some(Shortened::default()),
                answer: Some(Shortened::default()),
                ..none.clone()
            },
            (900, 900),
        ),
        ("nothing", none, (900, 900)),
    ] {
        let mut event = event("openai-chat", uncounted);
        Tokenizer::default().complete(&mut event).await;
        let usage = event.usage.unwrap();
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            expected,
            "{what}"
        );
        assert!(usage.estimated, "{what}");
        assert_eq!(event.uncounted, None, "{what}: no text goes on");
    }
}
