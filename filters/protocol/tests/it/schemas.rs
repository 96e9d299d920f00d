//! Schemas that an upstream refuses as they are: D1, D4, D8, D11, D14 and C2 of the translation cases.

use serde_json::{Value, json};
use tollgate_protocol::{ALL, Dialect};

use crate::support::{C, G, M, R, refused, translate, value, write};

const B: Dialect = Dialect::BedrockConverse;
const O: Dialect = Dialect::Ollama;
const CO: Dialect = Dialect::Cohere;

/// A Gemini request that wants its answer after this schema.
fn answered_after(schema: &Value) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}})
}

/// A request of this dialect with one tool that takes what the schema says.
fn with_tool(from: Dialect, schema: &Value) -> Value {
    match from {
        M => {
            json!({"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"name": "f", "input_schema": schema}]})
        }
        R => json!({"model": "m", "input": "hi",
            "tools": [{"type": "function", "name": "f", "parameters": schema, "strict": false}]}),
        G => json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]}),
        _ => json!({"model": "m", "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}),
    }
}

/// Where a written request has the schema of its first tool.
fn schema_in(to: Dialect, body: &Value) -> Value {
    let path = match to {
        M => "/tools/0/input_schema",
        R => "/tools/0/parameters",
        G => "/tools/0/functionDeclarations/0/parametersJsonSchema",
        B => "/toolConfig/tools/0/toolSpec/inputSchema/json",
        _ => "/tools/0/function/parameters",
    };
    body.pointer(path).cloned().unwrap_or_default()
}

/// The schema of the answer in a request to Claude, or in one to Converse.
fn answer_in(to: Dialect, body: &Value) -> Value {
    match to {
        B => {
            let text = &body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"];
            serde_json::from_str(text.as_str().unwrap_or("null")).unwrap()
        }
        _ => body["output_config"]["format"]["schema"].clone(),
    }
}

#[test]
fn d1_d11_claude_gets_closed_objects_and_limits_in_words() {
    let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "description": "how many"},
            "s": {"type": "string", "pattern": "^a", "format": "idn-email"},
            "when": {"type": "string", "format": "date-time"},
            "one": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/point"}]},
            "list": {"type": "array", "items": {"$ref": "#/$defs/point"}, "minItems": 2},
            "pattern": {"const": "a property of that name"},
        },
        "required": ["n"],
        "$defs": {"point": {"type": "object", "properties": {"x": {"type": "number"}}}}});
    let closed = json!({"type": "object",
        "properties": {
            "n": {"type": "integer", "description": "how many\n\n{minimum: 1}"},
            "s": {"type": "string", "description": "{format: \"idn-email\", pattern: \"^a\"}"},
            "when": {"type": "string", "format": "date-time"},
            "one": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/point"}]},
            "list": {"type": "array", "items": {"$ref": "#/$defs/point"}, "description": "{minItems: 2}"},
            "pattern": {"const": "a property of that name"},
        },
        "required": ["n"],
        "$defs": {"point": {"type": "object", "properties": {"x": {"type": "number"}}, "additionalProperties": false}},
        "additionalProperties": false});
    for to in [M, B] {
        let (body, losses) = translate(G, to, &answered_after(&schema));
        assert_eq!(answer_in(to, &body), closed, "{to}");
        assert_eq!(losses, ["generationConfig.responseSchema"], "{to}");
        // What is so already does not change, and nothing is lost.
        let again = write(G, to, &answered_after(&closed)).unwrap();
        assert!(again.losses.is_empty(), "{to}: {:?}", again.losses);
        assert_eq!(answer_in(to, &value(&again.body)), closed, "{to}");
        let text = String::from_utf8(again.body).unwrap().replace('\\', "");
        let own = closed.to_string().replace('\\', "");
        assert!(text.contains(&own), "{to}: {text}");
    }
    // Claude's own callers are told by Claude.
    let own = json!({"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}}});
    let (body, losses) = translate(M, M, &own);
    assert_eq!(answer_in(M, &body), schema);
    assert!(losses.is_empty(), "{losses:?}");
}

/// A schema that would mean something else is asked for in words.
#[test]
fn d1_what_claude_cannot_promise_is_asked_for_in_words() {
    let list = json!({"type": "array", "items": {"$ref": "#/$defs/node"}});
    let object = |key: &str, schema: Value| json!({"type": "object", "properties": {key: schema}});
    for schema in [
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"type": "object"}),
        object("any", json!({})),
        object("any", json!(true)),
        object(
            "map",
            json!({"type": "object", "patternProperties": {"^a": {"type": "string"}}}),
        ),
        object("elsewhere", json!({"$ref": "https://example.com/schema"})),
        json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"children": list}}}}),
        json!({"$ref": "#"}),
    ] {
        for to in [M, B] {
            let (body, losses) = translate(G, to, &answered_after(&schema));
            assert_eq!(answer_in(to, &body), Value::Null, "{to}: {body}");
            assert_eq!(losses, ["generationConfig.responseSchema"], "{to}");
            let told = body["system"][0]["text"].as_str().unwrap();
            assert!(told.contains(&schema.to_string()), "{to}: {told}");
        }
    }
}

/// However its references are knotted, a schema takes no longer than it is long.
#[test]
fn d17_schemas_that_grow_without_end() {
    let mut defs = serde_json::Map::new();
    for n in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
        let twice = json!({"type": "object", "properties": {"a": next, "b": next}});
        defs.insert(format!("d{n}"), twice);
    }
    defs.insert("d40".into(), json!({"type": "string"}));
    let schema =
        json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": defs});
    let (_, losses) = translate(G, M, &answered_after(&schema));
    assert_eq!(losses, ["generationConfig.responseSchema"]);
    let (body, losses) = translate(C, O, &with_tool(C, &schema));
    assert!(
        body.to_string().len() < 1 << 19,
        "{}",
        body.to_string().len()
    );
    assert_eq!(losses, ["tools.parameters"]);
}

#[test]
fn c2_the_schema_of_a_tool_is_an_object_with_properties() {
    let empty = json!({"type": "object", "properties": {}});
    let bare = json!({"type": "object"});
    for schema in [
        json!({}),
        json!({"type": "object"}),
        json!({"type": ["object", "null"]}),
        json!(true),
    ] {
        for from in [C, R, M, G] {
            for to in [C, R, M, B, O, CO].into_iter().filter(|to| *to != from) {
                let (body, losses) = translate(from, to, &with_tool(from, &schema));
                let listed = [C, R].contains(&to) || schema != bare;
                let expected = if listed { &empty } else { &bare };
                assert_eq!(&schema_in(to, &body), expected, "{from} to {to}: {schema}");
                assert!(losses.is_empty(), "{from} to {to}: {losses:?}");
            }
            // Its own provider says what it thinks of it.
            let (body, _) = translate(from, from, &with_tool(from, &schema));
            assert_eq!(schema_in(from, &body), schema, "{from}");
        }
    }
    // What is sound stays as it was written.
    let sound = json!({"properties": {"b": {"type": "string"}, "a": {"$ref": "#/$defs/x"}}, "type": "object",
        "$defs": {"x": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "title": "T"});
    for to in [C, R, M, B, CO] {
        let from = if to == C { M } else { C };
        let written = write(from, to, &with_tool(from, &sound)).unwrap();
        let text = String::from_utf8(written.body).unwrap();
        assert!(text.contains(&sound.to_string()), "{to}: {text}");
    }
}

#[test]
fn d14_alternatives_at_the_root_become_properties() {
    let schema = json!({
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": "id"}, "id": {"type": "string"}}, "required": ["kind", "id"]},
            {"$ref": "#/$defs/path"},
        ],
        "allOf": [{"properties": {"depth": {"type": "integer"}}, "required": ["depth"]}],
        "$defs": {"path": {"type": "object", "properties": {"kind": {"const": "path"}, "path": {"type": "string"}}}},
        "description": "a thing",
    });
    let merged = json!({"type": "object",
        "properties": {
            "depth": {"type": "integer"},
            "kind": {"anyOf": [{"const": "id"}, {"const": "path"}]},
            "id": {"type": "string"},
            "path": {"type": "string"},
        },
        "required": ["depth"],
        "$defs": schema["$defs"].clone(),
        "description": "a thing"});
    for (from, to) in [(C, M), (C, B), (C, R), (G, C), (M, C), (C, CO)] {
        let (body, losses) = translate(from, to, &with_tool(from, &schema));
        assert_eq!(schema_in(to, &body), merged, "{from} to {to}");
        assert_eq!(losses, ["tools.parameters"], "{from} to {to}");
    }
    let (body, losses) = translate(C, G, &with_tool(C, &schema));
    assert_eq!(schema_in(G, &body), schema);
    assert!(losses.is_empty(), "{losses:?}");
}

/// Ollama reads of a property its type, its description and what is inside.
#[test]
fn d4_references_are_followed_for_those_who_cannot() {
    let list = json!({"type": "array", "items": {"$ref": "#/$defs/node"}});
    let schema = json!({"type": "object",
    "properties": {
        "at": {"$ref": "#/$defs/point", "description": "where"},
        "tree": {"$ref": "#/$defs/node"},
    },
    "$defs": {
        "point": {"type": "object", "description": "a point", "properties": {"x": {"type": "number"}}},
        "node": {"type": "object", "properties": {"children": list}},
    }});
    let (body, losses) = translate(C, O, &with_tool(C, &schema));
    let properties = &schema_in(O, &body)["properties"];
    assert_eq!(
        properties["at"],
        json!({"description": "where", "type": "object", "properties": {"x": {"type": "number"}}})
    );
    assert_eq!(
        properties["tree"],
        json!({"type": "object", "properties": {"children": {"type": "array", "items": {}}}})
    );
    assert_eq!(losses, ["tools.parameters"]);
    assert!(!body.to_string().contains("$ref"), "{body}");
}

/// Claude and Gemini keep to schemas that OpenAI does not take as strict.
#[test]
fn d1_strict_where_openai_can_be() {
    let fits = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"$ref": "#/$defs/b"}},
        "required": ["b", "a"], "additionalProperties": false,
        "$defs": {"b": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}}});
    let inner = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    let object = |schema: Value| json!({"type": "object", "properties": {"o": schema}, "required": ["o"], "additionalProperties": false});
    let cases = [
        (fits, true),
        (object(inner.clone()), false),
        (inner, false),
        (object(json!({})), false),
        (object(json!({"type": "string", "minLength": 1})), false),
        (object(json!({"type": "string", "format": "uri"})), false),
        (json!({"type": "object"}), false),
    ];
    for (schema, strict) in cases {
        let mut tool = with_tool(M, &schema);
        tool["tools"][0]["strict"] = json!(true);
        for (to, path) in [(C, "/tools/0/function/strict"), (R, "/tools/0/strict")] {
            let (body, losses) = translate(M, to, &tool);
            assert_eq!(body.pointer(path), Some(&json!(strict)), "{to}: {schema}");
            assert_eq!(losses.is_empty(), strict, "{to}: {losses:?}");
        }
        for (to, path) in [
            (C, "/response_format/json_schema/strict"),
            (R, "/text/format/strict"),
        ] {
            let (body, losses) = translate(G, to, &answered_after(&schema));
            assert_eq!(
                body.pointer(path),
                strict.then_some(json!(true)).as_ref(),
                "{to}: {schema}"
            );
            assert_eq!(losses.is_empty(), strict, "{to}: {losses:?}");
        }
        // Functions of Responses are strict unless they say otherwise, where they can be.
        let mut own = with_tool(R, &schema);
        own["tools"][0].as_object_mut().unwrap().remove("strict");
        let (body, _) = translate(R, C, &own);
        let told = body["tools"][0]["function"].get("strict").cloned();
        assert_eq!(told, strict.then_some(json!(true)), "{schema}");
    }
}

/// A list of choices is named in the caller's words.
#[test]
fn a8_one_choice_in_the_callers_words() {
    let two = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"candidateCount": 2}});
    let single = [M, R, B, CO, O];
    for to in ALL.iter().copied().filter(|to| single.contains(to)) {
        let refused = refused(G, to, &two);
        assert_eq!(refused.field, "generationConfig.candidateCount", "{to}");
        assert!(
            refused.message.contains("candidateCount"),
            "{to}: {refused:?}"
        );
    }
}
