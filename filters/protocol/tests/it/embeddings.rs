//! Embeddings in all shapes: tables, and a sweep over recordings.

use serde_json::{Value, json};
use tollgate_protocol::embeddings::{
    self, ALL, Formats, Input, Purpose, Reply, Request, Shape, Truncate, pass_response,
    read_request, rewrite, shape_of, translate_response, write_error, write_request,
};
use tollgate_protocol::{ErrorInfo, ErrorKind};

use crate::recordings::{body_of, embeddings as recorded};
use crate::support::{Dice, body, fields, value};

use Shape::{Cohere, Gemini, GeminiBatch, Jina, Ollama, Openai, Titan, Vertex, Voyage};

fn read(shape: Shape, json: &Value) -> Request {
    read_request(shape, &body(json)).unwrap()
}

/// What an upstream gets, and the fields that were lost.
fn translate(from: Shape, to: Shape, json: &Value) -> (Value, Vec<String>) {
    let written = write_request(to, &read(from, json), "up").unwrap();
    (value(&written.body), fields(&written.losses))
}

fn reply(formats: Formats, inputs: usize) -> Reply {
    Reply {
        model: "asked".into(),
        id: "r1".into(),
        formats,
        inputs,
        dimensions: None,
    }
}

fn answer(from: Shape, to: Shape, json: &Value, reply: &Reply) -> Result<Value, ErrorInfo> {
    let bytes = json.to_string().into_bytes();
    translate_response(from, to, bytes, reply).map(|(body, _)| value(&body))
}

#[test]
fn shapes_have_names() {
    for shape in ALL {
        assert_eq!(shape.as_str().parse(), Ok(*shape));
    }
    assert!("esperanto".parse::<Shape>().is_err());
}

#[test]
fn the_common_path_tells_shapes_by_their_fields() {
    for (json, shape) in [
        (json!({"model": "m", "input": "a", "dimensions": 8}), Openai),
        (json!({"input": "a", "input_type": "query"}), Voyage),
        (json!({"input": "a", "output_dimension": 8}), Voyage),
        (json!({"input": "a", "input_type": null}), Openai),
        (json!({"input": "a", "task": "text-matching"}), Jina),
        (json!({"input": "a", "embedding_type": "float"}), Jina),
    ] {
        assert_eq!(shape_of(&body(&json)), shape, "{json}");
    }
}

/// M1: every form that inputs have.
#[test]
fn m1_inputs_are_read() {
    let text = |text: &str| Input::Text(text.into());
    let tokens = |json: &str| Input::Tokens(tollgate_protocol::Raw::parse(json).unwrap());
    for (shape, json, inputs) in [
        (Openai, json!({"input": "a"}), vec![text("a")]),
        (
            Openai,
            json!({"input": ["a", "b"]}),
            vec![text("a"), text("b")],
        ),
        (Openai, json!({"input": [1, 2]}), vec![tokens("[1,2]")]),
        (
            Openai,
            json!({"input": [[1], [2, 3]]}),
            vec![tokens("[1]"), tokens("[2,3]")],
        ),
        (
            Jina,
            json!({"input": [{"text": "a"}, "b"]}),
            vec![text("a"), text("b")],
        ),
        (Cohere, json!({"texts": ["a"]}), vec![text("a")]),
        (
            Gemini,
            json!({"content": {"parts": [{"text": "a"}, {"text": "b"}]}}),
            vec![text("a\nb")],
        ),
        (
            GeminiBatch,
            json!({"requests": [{"content": {"parts": [{"text": "a"}]}}, {"content": {"parts": [{"text": "b"}]}}]}),
            vec![text("a"), text("b")],
        ),
        (Titan, json!({"inputText": "a"}), vec![text("a")]),
        (
            Vertex,
            json!({"instances": [{"content": "a"}, {"content": "b"}]}),
            vec![text("a"), text("b")],
        ),
        (Ollama, json!({"input": "a"}), vec![text("a")]),
        (
            Ollama,
            json!({"input": ["a", "b"]}),
            vec![text("a"), text("b")],
        ),
    ] {
        assert_eq!(read(shape, &json).inputs, inputs, "{shape} {json}");
    }
}

#[test]
fn what_breaks_its_own_shape_names_the_field() {
    let many: Vec<_> = (0..2_049).map(|_| "a").collect();
    for (shape, json, field) in [
        (Openai, json!({}), "input"),
        (Openai, json!({"input": []}), "input"),
        (Openai, json!({"input": 7}), "input"),
        (Openai, json!({"input": ["a", 7]}), "input[1]"),
        (Openai, json!({"input": [1, "a"]}), "input"),
        (Openai, json!({"input": [[1], [-1]]}), "input[1]"),
        (
            Openai,
            json!({"input": "a", "dimensions": "8"}),
            "dimensions",
        ),
        (
            Openai,
            json!({"input": "a", "encoding_format": 1}),
            "encoding_format",
        ),
        (Openai, json!({"input": "a", "user": 1}), "user"),
        (Openai, json!({"input": many}), "input"),
        (Cohere, json!({"texts": ["a", null]}), "texts[1]"),
        (
            Cohere,
            json!({"texts": ["a"], "truncate": "MIDDLE"}),
            "truncate",
        ),
        (Gemini, json!({"content": {}}), "content.parts"),
        (GeminiBatch, json!({}), "requests"),
        (
            GeminiBatch,
            json!({"requests": [{}]}),
            "requests[0].content",
        ),
        (
            GeminiBatch,
            json!({"requests": [{"content": {"parts": [{"text": 1}]}}]}),
            "requests[0].content.parts[0].text",
        ),
        (Titan, json!({"dimensions": 256}), "inputText"),
        (Vertex, json!({"instances": [{}]}), "instances[0]"),
        (Ollama, json!({"input": [1]}), "input[0]"),
    ] {
        let error = read_request(shape, &body(&json)).unwrap_err();
        assert_eq!(error.field, field, "{shape} {error:?}");
    }
}

/// M1, M2: what can be said is said, and what cannot is told.
#[test]
fn m1_m2_requests_are_written_for_every_upstream() {
    let openai = json!({"model": "m", "input": ["a", "b"], "dimensions": 256, "encoding_format": "base64", "user": "u"});
    let one = json!({"model": "m", "input": "a", "dimensions": 256});
    let cohere = json!({"model": "m", "texts": ["a"], "input_type": "search_query", "embedding_types": ["float"], "output_dimension": 256, "truncate": "START"});
    let gemini = json!({"model": "models/m", "content": {"parts": [{"text": "a"}]}, "taskType": "QUESTION_ANSWERING", "title": "t", "outputDimensionality": 256});
    let snake = json!({"content": {"parts": [{"text": "a"}]}, "task_type": "CLUSTERING", "embedContentConfig": {"output_dimensionality": 256}});
    let voyage = json!({"model": "m", "input": "a", "input_type": "document", "truncation": false, "output_dimension": 256, "output_dtype": "float"});
    let jina = json!({"model": "m", "input": ["a"], "task": "text-matching", "normalized": true, "dimensions": 256, "embedding_type": "base64", "truncate": true});
    let none: [&str; 0] = [];
    for (from, to, json, expected, losses) in [
        (
            Openai,
            GeminiBatch,
            &openai,
            json!({"requests": [
                {"model": "models/up", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 256},
                {"model": "models/up", "content": {"parts": [{"text": "b"}]}, "outputDimensionality": 256},
            ]}),
            &["user"][..],
        ),
        (
            Openai,
            Cohere,
            &openai,
            json!({"model": "up", "texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["base64"], "output_dimension": 256}),
            &["user", "input_type"],
        ),
        (
            Openai,
            Voyage,
            &openai,
            json!({"model": "up", "input": ["a", "b"], "output_dimension": 256, "encoding_format": "base64"}),
            &["user"],
        ),
        (
            Openai,
            Jina,
            &openai,
            json!({"model": "up", "input": ["a", "b"], "dimensions": 256, "embedding_type": "base64"}),
            &["user"],
        ),
        (
            Openai,
            Titan,
            &one,
            json!({"inputText": "a", "dimensions": 256}),
            &none,
        ),
        (
            Cohere,
            Openai,
            &cohere,
            json!({"model": "up", "input": ["a"], "dimensions": 256}),
            &["input_type", "truncate"],
        ),
        (
            Cohere,
            GeminiBatch,
            &cohere,
            json!({"requests": [{"model": "models/up", "content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 256}]}),
            &["truncate"],
        ),
        (
            Cohere,
            Jina,
            &cohere,
            json!({"model": "up", "input": ["a"], "task": "retrieval.query", "dimensions": 256, "truncate": true}),
            &["truncate"],
        ),
        (
            Gemini,
            Cohere,
            &gemini,
            json!({"model": "up", "texts": ["a"], "input_type": "search_query", "embedding_types": ["float"], "output_dimension": 256}),
            &["title", "taskType"],
        ),
        (
            Gemini,
            Openai,
            &snake,
            json!({"model": "up", "input": ["a"], "dimensions": 256}),
            &["taskType"],
        ),
        (
            Voyage,
            Openai,
            &voyage,
            json!({"model": "up", "input": ["a"], "dimensions": 256}),
            &["input_type"],
        ),
        (
            Voyage,
            Cohere,
            &voyage,
            json!({"model": "up", "texts": ["a"], "input_type": "search_document", "embedding_types": ["float"], "output_dimension": 256, "truncate": "NONE"}),
            &none,
        ),
        (
            Jina,
            GeminiBatch,
            &jina,
            json!({"requests": [{"model": "models/up", "content": {"parts": [{"text": "a"}]}, "taskType": "SEMANTIC_SIMILARITY", "outputDimensionality": 256}]}),
            &["normalized"],
        ),
        (
            Jina,
            Titan,
            &jina,
            json!({"inputText": "a", "dimensions": 256, "normalize": true}),
            &["task", "truncate"],
        ),
        (
            Jina,
            Voyage,
            &jina,
            json!({"model": "up", "input": ["a"], "truncation": true, "output_dimension": 256, "encoding_format": "base64"}),
            &["normalized", "task"],
        ),
        (
            Openai,
            Vertex,
            &openai,
            json!({"instances": [{"content": "a"}, {"content": "b"}], "parameters": {"outputDimensionality": 256}}),
            &["user"],
        ),
        (
            Gemini,
            Vertex,
            &gemini,
            json!({"instances": [{"content": "a", "task_type": "QUESTION_ANSWERING"}], "parameters": {"outputDimensionality": 256}}),
            &["title"],
        ),
        (
            Voyage,
            Vertex,
            &voyage,
            json!({"instances": [{"content": "a", "task_type": "RETRIEVAL_DOCUMENT"}], "parameters": {"autoTruncate": false, "outputDimensionality": 256}}),
            &none,
        ),
        (
            Openai,
            Ollama,
            &openai,
            json!({"model": "up", "input": ["a", "b"], "dimensions": 256}),
            &["user"],
        ),
        (
            Cohere,
            Ollama,
            &cohere,
            json!({"model": "up", "input": ["a"], "truncate": true, "dimensions": 256}),
            &["input_type", "truncate"],
        ),
    ] {
        let (written, lost) = translate(from, to, json);
        assert_eq!(written, expected, "{from} to {to}");
        assert_eq!(lost, losses, "{from} to {to}");
    }
}

/// M1, M2: what another provider would understand differently is a 400.
#[test]
fn m1_m2_what_cannot_cross_is_refused_and_names_the_field() {
    let texts = |count: usize| vec!["a"; count];
    let part = |text: &str| json!({"parts": [{"text": text}]});
    for (from, to, json, field) in [
        (Openai, GeminiBatch, json!({"input": [1, 2]}), "input"),
        (Openai, Cohere, json!({"input": [[1]]}), "input"),
        (Openai, Voyage, json!({"input": [1]}), "input"),
        (Openai, Jina, json!({"input": [1]}), "input"),
        (Openai, Titan, json!({"input": texts(2)}), "input"),
        (Openai, Cohere, json!({"input": texts(97)}), "input"),
        (Openai, GeminiBatch, json!({"input": texts(101)}), "input"),
        (Openai, Voyage, json!({"input": texts(1_001)}), "input"),
        (Openai, Vertex, json!({"input": texts(251)}), "input"),
        (Openai, Ollama, json!({"input": [1]}), "input"),
        (
            Jina,
            Openai,
            json!({"input": [{"image": "https://x/y.png"}], "task": "t"}),
            "input[0]",
        ),
        (
            Jina,
            Openai,
            json!({"input": "a", "embedding_type": "binary"}),
            "embedding_type",
        ),
        (
            Jina,
            Voyage,
            json!({"input": ["a", "b"], "late_chunking": true}),
            "late_chunking",
        ),
        (
            Voyage,
            Openai,
            json!({"input": "a", "output_dtype": "int8"}),
            "output_dtype",
        ),
        (Cohere, Openai, json!({"images": ["data:"]}), "images"),
        (
            Cohere,
            Openai,
            json!({"texts": ["a"], "embedding_types": ["float", "int8"]}),
            "embedding_types",
        ),
        (
            GeminiBatch,
            Openai,
            json!({"requests": [{"content": part("a")}, {"content": part("b"), "taskType": "CLUSTERING"}]}),
            "requests[1]",
        ),
        (
            Gemini,
            Cohere,
            json!({"content": {"parts": [{"inlineData": {}}]}}),
            "content.parts[0]",
        ),
        (
            Titan,
            Openai,
            json!({"inputText": "a", "embeddingTypes": ["binary"]}),
            "embeddingTypes",
        ),
    ] {
        let request = read(from, &json);
        let refused = write_request(to, &request, "up").unwrap_err();
        assert_eq!(refused.field, field, "{from} to {to}: {refused:?}");
    }
}

#[test]
fn purposes_and_truncation_are_understood() {
    let part = json!({"parts": [{"text": "a"}]});
    for (shape, json, purpose, truncate) in [
        (
            Cohere,
            json!({"texts": ["a"], "input_type": "clustering", "truncate": "END"}),
            Some(Purpose::Clustering),
            Some(Truncate::End),
        ),
        (
            Gemini,
            json!({"content": part, "taskType": "FACT_VERIFICATION"}),
            Some(Purpose::Claim),
            None,
        ),
        (
            Gemini,
            json!({"content": part, "taskType": "TASK_TYPE_UNSPECIFIED", "autoTruncate": false}),
            None,
            Some(Truncate::Never),
        ),
        (
            Jina,
            json!({"input": "a", "task": "code.passage"}),
            Some(Purpose::Document),
            None,
        ),
        (
            Voyage,
            json!({"input": "a", "input_type": "query", "truncation": true}),
            Some(Purpose::Query),
            Some(Truncate::End),
        ),
        (
            Voyage,
            json!({"input": "a", "input_type": "odd"}),
            None,
            None,
        ),
    ] {
        let request = read(shape, &json);
        assert_eq!(
            (request.purpose, request.truncate),
            (purpose, truncate),
            "{json}"
        );
    }
    let odd = read(Voyage, &json!({"input": "a", "input_type": "odd"}));
    let written = write_request(Openai, &odd, "up").unwrap();
    assert_eq!(fields(&written.losses), ["input_type"]);
}

#[test]
fn the_model_is_the_only_edit() {
    for (shape, text, expected) in [
        (
            Openai,
            r#"{ "input":["a\u0062"],"model":"m" , "x":1.0}"#,
            r#"{ "input":["a\u0062"],"model":"up" , "x":1.0}"#,
        ),
        (
            Cohere,
            r#"{"model":"m","texts":["m"]}"#,
            r#"{"model":"up","texts":["m"]}"#,
        ),
        (
            GeminiBatch,
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"m"}]}},{"content":{},"model":"m"}]}"#,
            r#"{"requests":[{"model":"models/up","content":{"parts":[{"text":"m"}]}},{"content":{},"model":"models/up"}]}"#,
        ),
        (
            Gemini,
            r#"{"content":{"parts":[]},"model":"models/m"}"#,
            r#"{"content":{"parts":[]},"model":"models/up"}"#,
        ),
    ] {
        let body = body(text);
        let edited = rewrite(shape, &body, "up").unwrap();
        assert_eq!(String::from_utf8(edited).unwrap(), expected);
        assert_eq!(rewrite(shape, &body, "m"), None, "{shape}: as it is");
    }
}

#[test]
fn a_body_must_not_name_another_model_than_its_path() {
    let peek = |json: Value| embeddings::peek(GeminiBatch, &body(json), Some("m"));
    assert_eq!(peek(json!({"requests": []})).unwrap().model, "m");
    let same = json!({"requests": [{"model": "models/m"}]});
    assert_eq!(peek(same).unwrap().model, "m");
    let other = json!({"requests": [{"model": "models/m"}, {"model": "models/dear"}]});
    assert_eq!(peek(other).unwrap_err().field, "model");
    let missing = embeddings::peek(Openai, &body(json!({"input": "a"})), None);
    assert_eq!(missing.unwrap_err().field, "model");
}

/// The same two vectors, as every shape gives them.
fn given(shape: Shape) -> Value {
    let (first, second) = (json!([0.5, -1.25e-3]), json!([1, 2.0]));
    match shape {
        Openai | Voyage | Jina => json!({"object": "list", "data": [
            {"object": "embedding", "index": 1, "embedding": second},
            {"object": "embedding", "index": 0, "embedding": first},
        ], "model": "secret", "usage": {"total_tokens": 7}}),
        GeminiBatch => {
            json!({"embeddings": [{"values": first}, {"values": second}], "usageMetadata": {"promptTokenCount": 7}})
        }
        Cohere => {
            json!({"id": "secret", "embeddings": {"float": [first, second]}, "meta": {"billed_units": {"input_tokens": 7}}})
        }
        Gemini => json!({"embedding": {"values": first}, "usageMetadata": {"promptTokenCount": 7}}),
        Titan => json!({"embedding": first, "inputTextTokenCount": 7}),
        Vertex => json!({"predictions": [
            {"embeddings": {"values": first, "statistics": {"truncated": false, "token_count": 3}}},
            {"embeddings": {"values": second, "statistics": {"truncated": false, "token_count": 4}}},
        ], "metadata": {"billableCharacterCount": 9}}),
        Ollama => {
            json!({"model": "secret", "embeddings": [first, second], "prompt_eval_count": 7})
        }
        other => panic!("{other}"),
    }
}

fn vectors(shape: Shape) -> usize {
    if matches!(shape, Gemini | Titan) {
        1
    } else {
        2
    }
}

/// M1: vectors in their order, numbers as they were written, in all pairs.
#[test]
fn m1_answers_cross_between_all_shapes() {
    for &from in ALL {
        for &to in ALL {
            if vectors(to) < vectors(from) {
                continue;
            }
            let reply = reply(Formats::NUMBERS, vectors(from));
            let bytes = given(from).to_string().into_bytes();
            let (written, usage) = translate_response(from, to, bytes, &reply).unwrap();
            assert_eq!(usage.input_tokens, Some(7), "{from} to {to}");
            assert_eq!(usage.output_tokens, None);
            let text = String::from_utf8(written.clone()).unwrap();
            assert!(text.contains("[0.5,-0.00125]"), "{from} to {to}: {text}");
            assert!(!text.contains("secret"), "{text}");
            let (again, usage) = translate_response(to, to, written.clone(), &reply).unwrap();
            assert_eq!((again, usage.input_tokens), (written, Some(7)));
        }
    }
}

/// M1: base64 is what NumPy and the SDKs make of it, both ways.
#[test]
fn m1_base64_is_little_endian_single_precision() {
    let numbers = json!({"data": [{"index": 0, "embedding": [1.0, -2.5, 0.1]}]});
    let base64 = json!({"data": [{"index": 0, "embedding": "AACAPwAAIMDNzMw9"}]});
    let shown = |json: &Value, formats| {
        answer(Openai, Openai, json, &reply(formats, 1)).unwrap()["data"][0]["embedding"].clone()
    };
    assert_eq!(shown(&numbers, Formats::BASE64), json!("AACAPwAAIMDNzMw9"));
    assert_eq!(shown(&base64, Formats::NUMBERS), json!([1, -2.5, 0.1]));
    assert_eq!(shown(&base64, Formats::BASE64), json!("AACAPwAAIMDNzMw9"));
    let both = Formats {
        numbers: true,
        base64: true,
    };
    let cohere = answer(Openai, Cohere, &numbers, &reply(both, 1)).unwrap();
    assert_eq!(cohere["embeddings"]["float"], json!([[1.0, -2.5, 0.1]]));
    assert_eq!(cohere["embeddings"]["base64"], json!(["AACAPwAAIMDNzMw9"]));
}

/// Any number of any numbers comes back as the same bits.
#[test]
fn base64_to_numbers_and_back_is_the_identity() {
    let mut dice = Dice::new();
    for count in 0..40 {
        let numbers: Vec<f32> = std::iter::repeat_with(|| {
            let bits = (dice.roll(1 << 16) as u32) << 16 | dice.roll(1 << 16) as u32;
            f32::from_bits(bits)
        })
        .filter(|number| number.is_finite())
        .take(count)
        .collect();
        let json = json!({"data": [{"embedding": numbers}]});
        let wanted = reply(Formats::BASE64, 1);
        let coded = answer(Openai, Openai, &json, &wanted).unwrap();
        let wanted = reply(Formats::NUMBERS, 1);
        let plain = answer(Openai, Openai, &coded, &wanted).unwrap();
        let plain = plain["data"][0]["embedding"].as_array().unwrap();
        let plain = plain.iter().map(|number| number.as_f64().unwrap() as f32);
        assert!(plain.eq(numbers.iter().copied()), "{numbers:?}");
    }
}

#[test]
fn what_is_no_answer_does_not_pass_for_one() {
    let data = |embedding: Value| json!({"data": [{"index": 0, "embedding": embedding}]});
    for (json, formats) in [
        (json!({}), Formats::NUMBERS),
        (json!({"data": []}), Formats::NUMBERS),
        (json!({"data": [{"index": 0}]}), Formats::NUMBERS),
        (data(json!(["1"])), Formats::NUMBERS),
        (data(json!([[1]])), Formats::NUMBERS),
        (data(json!([null])), Formats::NUMBERS),
        (data(json!("AACAPw=")), Formats::BASE64),
        (data(json!("AACA")), Formats::NUMBERS),
        (data(json!("%%%%")), Formats::NUMBERS),
        // Not a number.
        (data(json!("AADAfw==")), Formats::NUMBERS),
        (
            json!({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}),
            Formats::NUMBERS,
        ),
    ] {
        // A format that is kept is not decoded, but must have the right length.
        let mut reply = reply(formats, 1);
        reply.dimensions = (formats == Formats::BASE64).then_some(2);
        let error = answer(Openai, Cohere, &json, &reply).unwrap_err();
        assert!(error.kind.worth_another_channel(), "{json}: {error:?}");
    }
    for html in ["", "<html>", "[]", "{"] {
        let error = pass_response(Openai, html.as_bytes(), None).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Upstream, "{html}");
    }
}

/// M2: no vector of a size that the caller did not ask for.
#[test]
fn m2_vectors_of_another_size_are_no_answer() {
    for (given, fits) in [
        (json!([1, 2, 3]), true),
        (json!([1, 2]), false),
        (json!("AACAPwAAIMDNzMw9"), true),
        (json!("AACAPw=="), false),
    ] {
        let json = json!({"data": [{"embedding": given}]});
        let mut reply = reply(Formats::NUMBERS, 1);
        reply.dimensions = Some(3);
        let answer = answer(Voyage, Openai, &json, &reply);
        assert_eq!(answer.is_ok(), fits, "{json}");
    }
}

#[test]
fn answers_pass_but_for_the_model() {
    let text = r#"{"data":[{"embedding":[1.50]}], "model" : "up","usage":{"prompt_tokens":3}}"#;
    let passed = pass_response(Openai, text.as_bytes(), Some("m")).unwrap();
    assert_eq!(passed.usage.input_tokens, Some(3));
    let edited = String::from_utf8(passed.edited.unwrap()).unwrap();
    assert_eq!(edited, text.replace("\"up\"", "\"m\""));
    let passed = pass_response(Openai, text.as_bytes(), None).unwrap();
    assert_eq!(passed.edited, None);
    let plain = r#"{"embeddings":[{"values":[1]}]}"#;
    let passed = pass_response(GeminiBatch, plain.as_bytes(), Some("m")).unwrap();
    assert_eq!((passed.edited, passed.usage.input_tokens), (None, None));
}

#[test]
fn errors_have_the_callers_shape() {
    let error = ErrorInfo::new(ErrorKind::RateLimited, "slow").with_request_id("r1");
    for (shape, pointer, expected) in [
        (Openai, "/error/code", json!("rate_limit_exceeded")),
        (Gemini, "/error/status", json!("RESOURCE_EXHAUSTED")),
        (GeminiBatch, "/error/code", json!(429)),
        (Cohere, "/message", json!("slow")),
        (Titan, "/message", json!("slow")),
        (Voyage, "/detail", json!("slow")),
        (Jina, "/error/message", json!("slow")),
    ] {
        let (status, body) = write_error(shape, &error);
        assert_eq!(status, 429);
        let body = value(&body);
        assert_eq!(body.pointer(pointer), Some(&expected), "{shape} {body}");
    }
}

#[test]
fn paths_hold_what_a_path_may_hold() {
    for (shape, model, path) in [
        (Openai, "m", "/embeddings"),
        (Cohere, "m", "/embed"),
        (Gemini, "models/m", "/models/m:embedContent"),
        (GeminiBatch, "a?b", "/models/a%3Fb:batchEmbedContents"),
        (
            Titan,
            "amazon.titan-embed-text-v2:0",
            "/model/amazon.titan-embed-text-v2%3A0/invoke",
        ),
        (
            Vertex,
            "text-embedding-005",
            "/models/text-embedding-005:predict",
        ),
        (Ollama, "m", "/api/embed"),
    ] {
        assert_eq!(shape.path(model), path);
    }
}

/// Whatever comes in, an answer or a typed error comes out.
#[test]
fn nothing_panics() {
    let mut dice = Dice::new();
    let seeds = [
        r#"{"model":"m","input":["a",[1,2],{"text":"b"}],"encoding_format":"base64","dimensions":3}"#,
        r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"taskType":"CLUSTERING"}]}"#,
        r#"{"texts":["a"],"input_type":"search_query","embedding_types":["float"],"truncate":"END"}"#,
        r#"{"data":[{"index":0,"embedding":[0.5,1]},{"index":1,"embedding":"AACAPw=="}],"usage":{"total_tokens":1}}"#,
        r#"{"embeddings":{"float":[[1,2]],"base64":["AACAPw=="]}}"#,
    ];
    for round in 0..4_000 {
        let mut bytes = seeds[round % seeds.len()].as_bytes().to_vec();
        for _ in 0..dice.roll(4) {
            let at = dice.roll(bytes.len());
            match dice.roll(3) {
                0 => bytes[at] = b"{}[]\":,0a=\\"[dice.roll(11)],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"{}[]\":,0a=\\"[dice.roll(11)]),
            }
        }
        for &from in ALL {
            for &to in ALL {
                let reply = reply(Formats::BASE64, 1);
                let _ = translate_response(from, to, bytes.clone(), &reply);
                let limits = tollgate_protocol::Limits::request(1 << 16);
                let Ok(body) = tollgate_protocol::Body::parse(bytes.clone(), &limits) else {
                    continue;
                };
                let _ = rewrite(from, &body, "up").map(|body| value(&body));
                if let Ok(request) = read_request(from, &body)
                    && let Ok(written) = write_request(to, &request, "up")
                {
                    value(&written.body);
                }
            }
        }
    }
}

/// Every recorded exchange: the request is read, says the same when it is written in
/// its own shape, passes as it is, and is written for all others; the answer becomes
/// every other shape's with the same vectors and the same usage.
#[test]
fn recordings() {
    let recorded = recorded();
    let (mut written, mut refused, mut crossed) = (0, 0, 0);
    for (name, shape, json) in &recorded {
        let text = body_of(&json["request"]);
        let request = read_request(*shape, &text).unwrap();
        let same = write_request(*shape, &request, "up").unwrap();
        let (mut same, mut original) = (value(&same.body), json["request"].clone());
        for side in [&mut same, &mut original] {
            plain(side);
        }
        assert_eq!(same, original, "{name}");
        if let Some(model) = json["request"]["model"].as_str() {
            assert_eq!(rewrite(*shape, &text, model), None, "{name}");
        }
        for &to in ALL {
            match write_request(to, &request, "up") {
                Ok(output) => {
                    written += 1;
                    let again = read_request(to, &body_of(&value(&output.body))).unwrap();
                    assert_eq!(again.inputs, request.inputs, "{name} to {to}");
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.message.contains("at most 1"), "{name}: {error:?}");
                }
            }
        }

        let bytes = json["response_json"].to_string().into_bytes();
        let passed = pass_response(*shape, &bytes, None).unwrap();
        let mut numbers = request.reply("m", "r");
        numbers.formats = Formats::NUMBERS;
        let coded = Reply {
            formats: Formats::BASE64,
            ..numbers.clone()
        };
        let (reference, usage) =
            translate_response(*shape, Openai, bytes.clone(), &numbers).unwrap();
        assert_eq!(usage, passed.usage, "{name}");
        for &to in ALL {
            if request.inputs.len() > 1 && matches!(to, Gemini | Titan) {
                continue;
            }
            for reply in [&numbers, &coded] {
                let (there, _) = translate_response(*shape, to, bytes.clone(), reply).unwrap();
                let (back, _) = translate_response(to, Openai, there, &numbers).unwrap();
                let (back, reference) = (value(&back), value(&reference));
                for (back, reference) in floats(&back).iter().zip(floats(&reference)) {
                    assert_eq!(*back, reference, "{name} to {to}");
                }
                crossed += 1;
            }
        }
    }
    println!(
        "embeddings: {} exchanges, {written} requests written, {refused} refused, {crossed} answers crossed",
        recorded.len()
    );
}

fn floats(answer: &Value) -> Vec<Vec<f32>> {
    let data = answer["data"].as_array().unwrap();
    let vector = |item: &Value| {
        let numbers = item["embedding"].as_array().unwrap();
        assert!(numbers.len() > 100);
        numbers
            .iter()
            .map(|number| number.as_f64().unwrap() as f32)
            .collect()
    };
    data.iter().map(vector).collect()
}

/// Without what means nothing: nulls, defaults, the model's name.
fn plain(request: &mut Value) {
    let members = request.as_object_mut().unwrap();
    members.retain(|key, value| !value.is_null() && key != "model");
    for request in members
        .get_mut("requests")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        plain(request);
    }
}
