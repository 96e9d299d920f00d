use super::*;

fn call(path: &str, headers: &[(&str, &str)]) -> Call {
    let path = [(":path", path)];
    let all = path.iter().chain(headers).copied().collect();
    Call::read(&all)
}

#[test]
fn paths_name_endpoints() {
    for (path, endpoint) in [
        (
            "/v1/chat/completions",
            Endpoint::Generate(Dialect::OpenaiChat),
        ),
        (
            "/v1/messages?beta=true",
            Endpoint::Generate(Dialect::Anthropic),
        ),
        (
            "/v1/responses",
            Endpoint::Generate(Dialect::OpenaiResponses),
        ),
        (
            "/v1/completions",
            Endpoint::Generate(Dialect::OpenaiCompletions),
        ),
        ("/v1/responses/compact", Endpoint::Unknown),
        (
            "/openai/v1/chat/completions?api-version=preview",
            Endpoint::Generate(Dialect::OpenaiChat),
        ),
        (
            "/openai/v1/responses",
            Endpoint::Generate(Dialect::OpenaiResponses),
        ),
        ("/openai/v1/models", Endpoint::Models),
        ("/openai/deployments/m/chat/completions", Endpoint::Unknown),
        ("/openai/v1", Endpoint::Unknown),
        (
            "/v1/responses/resp_1?include[]=x",
            Endpoint::Stored {
                id: "resp_1".into(),
                part: StoredPart::Whole,
            },
        ),
        (
            "/v1/responses/resp_1/cancel",
            Endpoint::Stored {
                id: "resp_1".into(),
                part: StoredPart::Cancel,
            },
        ),
        (
            "/v1/responses/resp_1/input_items?limit=1",
            Endpoint::Stored {
                id: "resp_1".into(),
                part: StoredPart::InputItems,
            },
        ),
        ("/v1/responses/resp_1/nothing", Endpoint::Unknown),
        ("/v1/models", Endpoint::Models),
        ("/v1/models/gpt-5", Endpoint::Model("gpt-5".into())),
        (
            "/v1/models/org%2Fmodel%20x",
            Endpoint::Model("org/model x".into()),
        ),
        ("/v1/models/50%", Endpoint::Model("50%".into())),
        ("/v1beta/models", Endpoint::Models),
        (
            "/v1beta/models/gemini-2.5-pro",
            Endpoint::Model("gemini-2.5-pro".into()),
        ),
        (
            "/v1beta/models/m:generateContent",
            Endpoint::Generate(Dialect::Gemini),
        ),
        (
            "/v1/models/m:streamGenerateContent?alt=sse",
            Endpoint::Generate(Dialect::Gemini),
        ),
        (
            "/v1/models/ft:gpt-4:org::id",
            Endpoint::Model("ft:gpt-4:org::id".into()),
        ),
        ("/v1beta/models:generateContent", Endpoint::Unknown),
        ("/v1beta/cachedContents", Endpoint::Unknown),
        ("/v1/messages/batches", Endpoint::Unknown),
        ("/v1", Endpoint::Unknown),
    ] {
        assert_eq!(call(path, &[]).endpoint, endpoint, "{path}");
    }
}

#[test]
fn a25_a_path_names_model_and_stream() {
    use Framing::{Array, Events};
    for (path, model, stream, framing) in [
        ("/v1beta/models/m:generateContent", "m", false, Events),
        (
            "/v1beta/models/m:generateContent?alt=json",
            "m",
            false,
            Events,
        ),
        (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            "m",
            true,
            Events,
        ),
        (
            "/v1/models/m:streamGenerateContent?key=k&$alt=sse",
            "m",
            true,
            Events,
        ),
        ("/v1beta/models/m:streamGenerateContent", "m", true, Array),
        (
            "/v1beta/models/m:streamGenerateContent?alt=json",
            "m",
            true,
            Array,
        ),
        (
            "/v1beta/models/models/m:generateContent",
            "m",
            false,
            Events,
        ),
        (
            "/v1beta/models/models%2Fm%3AgenerateContent",
            "m",
            false,
            Events,
        ),
        (
            "/v1/models/org%2Fm%20x:generateContent",
            "org/m x",
            false,
            Events,
        ),
        ("/v1/models/a:b:generateContent", "a:b", false, Events),
        (
            "/v1beta/tunedModels/t:generateContent",
            "tunedModels/t",
            false,
            Events,
        ),
        (
            "/v1beta/publishers/google/models/m:generateContent",
            "publishers/google/models/m",
            false,
            Events,
        ),
    ] {
        let expected = Addressed {
            model: model.into(),
            stream,
            framing,
        };
        assert_eq!(call(path, &[]).addressed, Some(expected), "{path}");
    }
    for path in [
        "/v1beta/models/:generateContent",
        "/v1/chat:generateContent",
    ] {
        assert_eq!(call(path, &[]).addressed, None, "{path}");
    }
}

#[test]
fn a26_a_token_in_the_query_is_geminis_alone() {
    for (path, key) in [
        ("/v1beta/models?key=sk%2Da", Some("sk-a")),
        ("/v1/models?key=a", Some("a")),
        ("/v1/models/m:generateContent?alt=sse&key=a", Some("a")),
        ("/v1/chat/completions?key=a", None),
        ("/v1beta/models", None),
    ] {
        assert_eq!(call(path, &[]).query_key().as_deref(), key, "{path}");
    }
}

#[test]
fn the_answer_speaks_the_callers_dialect_even_where_the_path_names_none() {
    for (path, headers, dialect) in [
        ("/v1/models", &[][..], Dialect::OpenaiChat),
        (
            "/v1/models",
            &[("anthropic-version", "2023-06-01")][..],
            Dialect::Anthropic,
        ),
        (
            "/v1/models",
            &[("x-goog-api-key", "k")][..],
            Dialect::Gemini,
        ),
        ("/v1beta/models", &[][..], Dialect::Gemini),
        ("/v1beta/nothing", &[][..], Dialect::Gemini),
        ("/v1/messages/batches", &[][..], Dialect::Anthropic),
        ("/v1/nothing", &[][..], Dialect::OpenaiChat),
    ] {
        assert_eq!(call(path, headers).dialect(), dialect, "{path}");
    }
}

#[test]
fn l13_credentials_do_not_travel_on() {
    let call = call(
        "/v1/messages?beta=true&key=secret&x=1",
        &[
            ("authorization", "Bearer sk-secret"),
            ("x-api-key", "secret"),
            ("cookie", "secret"),
            ("anthropic-beta", "b"),
        ],
    );
    assert_eq!(call.forwarded_query(), "beta=true&x=1");
    let forwarded: Vec<_> = call.forwarded.iter().collect();
    assert_eq!(forwarded, [("anthropic-beta", &b"b"[..])]);
}
