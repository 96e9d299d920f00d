//! Tokens are counted by whoever can: the provider, else the gateway's own tokenizer; and a call is
//! billed whether or not its provider says what it used.

use serde_json::{Value, json};
use tollgate_tests::admin::LogRow;
use tollgate_tests::http::{Request, Response};
use tollgate_tests::sdk::{Generation, Stage, play_through};
use tollgate_tests::{Answer, Cut, Dialect, Fault, Gateway, Provider, Scene, at_once};

/// Seven tokens; with what OpenAI's models get around a message, and before an answer, fourteen.
const QUESTION: &str = "What is the capital of Mexico?";
const QUESTION_TOKENS: u64 = 14;

fn post(scene: &Scene, path: &str, body: &Value) -> Response {
    let request = scene.with_token(Request::post(path, body));
    request.send(scene.address).expect("an answer")
}

fn is_estimated(row: &LogRow) -> bool {
    row.0["usage"]["estimated"] == true
}

#[test]
fn usage_that_the_provider_never_tells_is_counted_and_billed() {
    let provider = Provider::openai().plays(Answer::text("hello world").silent());
    let provider = provider.start();
    let price = json!({"price": {"input_price": 0.001, "output_price": 0.002}});
    let scene = Scene::on(Gateway::shared())
        .channel(&provider)
        .config(price)
        .ready();
    for caller in Dialect::CALLERS {
        for answer in [
            scene.ask(caller, QUESTION),
            scene.ask_stream(caller, QUESTION),
        ] {
            answer.assert_served("hello world");
            let row = scene.log_of(&answer);
            assert_eq!(row.tokens(), (QUESTION_TOKENS, 2), "{caller:?}: {row:?}");
            assert!(is_estimated(&row), "{row:?}");
            assert_eq!(row.cost_nano_usd(), 14 * 1_000 + 2 * 2_000, "{row:?}");
            let told = row.0.to_string();
            assert!(
                !told.contains("Mexico") && !told.contains("hello"),
                "{told}"
            );
        }
    }
}

#[test]
fn a_stream_that_was_cut_is_counted_as_far_as_it_came() {
    let provider = Provider::openai().plays(Fault::Cut(6, Cut::Closed)).start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    at_once(Dialect::CALLERS, |caller| {
        let answer = scene.ask_stream(caller, QUESTION);
        let row = scene.log_of(&answer);
        assert_eq!(row.outcome(), "interrupted", "{row:?}");
        assert_eq!(answer.text(), "This answer does not come");
        assert_eq!(row.tokens(), (QUESTION_TOKENS, 5), "{caller:?}: {row:?}");
        assert!(is_estimated(&row), "{row:?}");
    });
}

/// A count as each dialect asks for it, and where it stands in the answer.
fn counts(model: &str) -> [(String, Value, &'static str); 3] {
    let user = json!([{"role": "user", "content": QUESTION}]);
    [
        (
            "/v1/messages/count_tokens".to_owned(),
            json!({"model": model, "messages": user}),
            "input_tokens",
        ),
        (
            "/v1/responses/input_tokens".to_owned(),
            json!({"model": model, "input": QUESTION}),
            "input_tokens",
        ),
        (
            format!("/v1beta/models/{model}:countTokens"),
            json!({"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}),
            "totalTokens",
        ),
    ]
}

#[test]
fn a_model_whose_provider_cannot_count_is_counted_for() {
    for upstream in [Dialect::OpenAi, Dialect::Cohere, Dialect::Ollama] {
        let provider = Provider::speaking(upstream).start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        for (path, body, field) in counts(&scene.model) {
            let answer = post(&scene, &path, &body);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert_eq!(answer.json()[field], QUESTION_TOKENS, "{path}");
            assert_eq!(answer.header("x-tollgate-losses"), Some("count"), "{path}");
        }
        for row in scene.settled_logs(3) {
            assert_eq!(
                (row.outcome(), row.tokens()),
                ("success", (0, 0)),
                "{row:?}"
            );
            let losses = row.0["losses"].to_string();
            assert!(losses.contains("tokenizer"), "{losses}");
        }
        assert_eq!(provider.calls().len(), 0);
    }
}

#[test]
fn a_provider_that_counts_is_asked_by_every_caller() {
    for (upstream, path, told) in [
        (
            Dialect::Anthropic,
            "/messages/count_tokens",
            json!({"input_tokens": 42}),
        ),
        (
            Dialect::Responses,
            "/responses/input_tokens",
            json!({"object": "response.input_tokens", "input_tokens": 42}),
        ),
        (
            Dialect::Gemini,
            ":countTokens",
            json!({"totalTokens": 42, "promptTokensDetails": []}),
        ),
        (
            Dialect::Bedrock,
            "/count-tokens",
            json!({"inputTokens": 42}),
        ),
    ] {
        let provider = Provider::speaking(upstream).plays(Answer::verbatim(told));
        let provider = provider.start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        for (asked, body, field) in counts(&scene.model) {
            let answer = post(&scene, &asked, &body);
            assert_eq!(answer.status, 200, "{asked}: {}", answer.text());
            assert_eq!(answer.json()[field], 42, "{asked} of {upstream:?}");
            let call = provider.calls().pop().expect("it was asked");
            assert!(call.path.contains(path), "{}", call.path);
            let sent = String::from_utf8_lossy(&call.body).into_owned();
            assert!(sent.contains(QUESTION), "{sent}");
        }
    }
}

#[test]
fn a_conversation_that_is_continued_is_counted_whole() {
    let provider = Provider::openai().plays(Answer::text("hello world"));
    let provider = provider.start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    let first = scene.ask(Dialect::Responses, QUESTION).json();
    let body = json!({"model": scene.model, "input": "hello", "previous_response_id": first["id"]});
    let answer = post(&scene, "/v1/responses/input_tokens", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    // The question, its answer of two tokens, and one more.
    assert_eq!(
        answer.json()["input_tokens"],
        QUESTION_TOKENS + (4 + 2) + (4 + 1)
    );

    let body = json!({"model": scene.model, "input": "hello", "previous_response_id": "resp_tg0199aabbccdd00112233445566778899"});
    let answer = post(&scene, "/v1/responses/input_tokens", &body);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.json()["error"]["param"], "previous_response_id");
}

/// Vectors as each shape asks for them, and where they stand in the answer.
fn vectors(model: &str) -> [(String, Value, &'static str); 4] {
    let content = json!({"parts": [{"text": "hello world"}]});
    [
        (
            "/v1/embeddings".to_owned(),
            json!({"model": model, "input": "hello world"}),
            "/data/0/embedding",
        ),
        (
            "/v2/embed".to_owned(),
            json!({"model": model, "texts": ["hello world"], "input_type": "search_query", "embedding_types": ["float"]}),
            "/embeddings/float/0",
        ),
        (
            format!("/v1beta/models/{model}:embedContent"),
            json!({"content": content}),
            "/embedding/values",
        ),
        (
            format!("/v1beta/models/{model}:batchEmbedContents"),
            json!({"requests": [{"model": format!("models/{model}"), "content": content}]}),
            "/embeddings/0/values",
        ),
    ]
}

#[test]
fn vectors_reach_every_caller_and_are_billed_even_if_nobody_counted() {
    let numbers = json!([1.0, -2.5]);
    let openai = |usage: Value| {
        json!({"object": "list", "model": "up", "usage": usage,
            "data": [{"object": "embedding", "index": 0, "embedding": &numbers}]})
    };
    let told = json!({"prompt_tokens": 5, "total_tokens": 5});
    let gemini = json!({"embedding": {"values": &numbers}, "embeddings": [{"values": &numbers}]});
    let cohere = json!({"id": "x", "texts": ["hello world"], "embeddings": {"float": [&numbers]},
        "meta": {"billed_units": {"input_tokens": 5}}});
    for (upstream, answer, tokens, estimated) in [
        (Dialect::OpenAi, openai(told), 5, false),
        (Dialect::OpenAi, openai(Value::Null), 2, true),
        (Dialect::Gemini, gemini, 2, true),
        (Dialect::Cohere, cohere, 5, false),
    ] {
        let provider = Provider::speaking(upstream).plays(Answer::verbatim(answer));
        let provider = provider.start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        for (path, body, place) in vectors(&scene.model) {
            let got = post(&scene, &path, &body);
            assert_eq!(got.status, 200, "{path} of {upstream:?}: {}", got.text());
            assert_eq!(got.json().pointer(place), Some(&numbers), "{}", got.text());
        }
        for row in scene.settled_logs(4) {
            assert_eq!(row.tokens(), (tokens, 0), "{upstream:?}: {row:?}");
            assert_eq!(is_estimated(&row), estimated, "{upstream:?}: {row:?}");
        }
    }
}

#[test]
fn the_sdks_count_and_embed() {
    let vector = json!({"object": "list", "model": "up", "usage": {"prompt_tokens": 2, "total_tokens": 2},
        "data": [{"object": "embedding", "index": 0, "embedding": [1.0, -2.5]}]});
    let provider = Provider::openai().plays(Answer::verbatim(vector)).start();
    let counting = json!({"totalTokens": QUESTION_TOKENS, "embeddings": [{"values": [1.0, -2.5]}]});
    let other = Provider::speaking(Dialect::Gemini).plays(Answer::verbatim(counting));
    let other = other.start();
    let scene = |provider| Scene::on(Gateway::shared()).channel(provider).ready();
    let scenes = [&provider, &other].map(scene);
    for generation in Generation::ALL {
        let stages = scenes.each_ref().map(Stage::of);
        for told in play_through(generation, "counting.py", &stages) {
            for count in ["by_anthropic", "by_openai", "by_google"] {
                assert_eq!(told[count], QUESTION_TOKENS, "{count}: {told}");
            }
            assert_eq!(told["vectors"], json!([1.0, -2.5]), "{told}");
        }
    }
}
