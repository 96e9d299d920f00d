//! Pictures in answers: row E13 and its siblings, whole and streamed.

use serde_json::{Value, json};
use tollgate_protocol::neutral::{Content, Image, Source};
use tollgate_protocol::stream::Outcome;
use tollgate_protocol::{read_response, translate_response};

use crate::support::{C, CHATTING, G, M, R, events, reply, sse, stream_at_every_split, value};
use crate::validator;

const PNG: &str = "iVBORw0KGgo=";

fn gemini(parts: Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}]})
}

fn drawn() -> Value {
    json!({"inlineData": {"mimeType": "image/png", "data": PNG}})
}

fn openrouter(message: &str, url: &str) -> Value {
    json!({"choices": [{"index": 0, message: {"role": "assistant", "content": "see", "images": [
        {"type": "image_url", "index": 0, "image_url": {"url": url}},
    ]}, "finish_reason": "stop"}]})
}

/// The pictures of a whole answer, as base64.
fn pictures(answer: &[u8], from: tollgate_protocol::Dialect) -> Vec<String> {
    let read = read_response(from, answer.to_vec()).unwrap();
    let blocks = read.choices.iter().flat_map(|choice| &choice.content);
    let data = blocks.filter_map(|block| match &block.content {
        Content::Image(Image {
            source: Source::Base64 { media_type, data },
        }) => Some(format!("{}:{}", media_type.as_str(), data.as_str())),
        _ => None,
    });
    data.collect()
}

#[test]
fn e13_responses_callers_get_an_item() {
    let answer = gemini(json!([{"text": "see"}, drawn(), {"text": "and"}]));
    let (body, _) = translate_response(G, R, answer.to_string().into_bytes(), &reply()).unwrap();
    let body = value(&body);
    let kinds: Vec<_> = body["output"].as_array().unwrap().iter().collect();
    assert_eq!(kinds[0]["type"], "message");
    assert_eq!(kinds[2]["type"], "message");
    let item = json!({"id": "ig_r1_1", "type": "image_generation_call", "status": "completed", "output_format": "png", "result": PNG});
    assert_eq!(kinds[1], &item);

    let streamed = stream_at_every_split(G, R, &sse(&[answer]));
    assert_eq!(streamed.outcome, Outcome::Complete);
    validator::check(R, &streamed.text);
    let all = events(&streamed.text);
    let of = |kind: &str| all.iter().find(|event| event["type"] == kind).unwrap();
    assert_eq!(all.last().unwrap()["response"]["output"], body["output"]);
    for step in ["in_progress", "generating", "completed"] {
        let event = of(&format!("response.image_generation_call.{step}"));
        assert_eq!(
            (&event["item_id"], &event["output_index"]),
            (&json!("ig_r1_1"), &json!(1))
        );
    }
    // What was drawn and nothing else is not an answer without content.
    let only = gemini(json!([drawn()])).to_string().into_bytes();
    let (body, _) = translate_response(G, R, only, &reply()).unwrap();
    assert_eq!(value(&body)["output"][0]["result"], PNG);
    assert_eq!(value(&body)["output"].as_array().unwrap().len(), 1);
}

#[test]
fn e13_sound_is_told_in_words() {
    let answer = gemini(json!([{"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}]));
    let (body, _) = translate_response(G, R, answer.to_string().into_bytes(), &reply()).unwrap();
    let body = value(&body);
    let text = body["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("audio/wav"), "{body}");
    let streamed = stream_at_every_split(G, R, &sse(&[answer]));
    validator::check(R, &streamed.text);
    let last = events(&streamed.text).pop().unwrap();
    assert_eq!(last["response"]["output"], body["output"]);
}

#[test]
fn e13_what_responses_and_openrouter_draw_is_read() {
    let uri = format!("data:image/png;base64,{PNG}");
    let item = json!({"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PNG, "output_format": "png"});
    let response = json!({"object": "response", "status": "completed", "output": [item]});
    let expected = [format!("image/png:{PNG}")];
    assert_eq!(pictures(response.to_string().as_bytes(), R), expected);
    let whole = openrouter("message", &uri);
    assert_eq!(pictures(whole.to_string().as_bytes(), C), expected);

    let responses = sse(&[
        json!({"type": "response.created", "response": {"model": "m"}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "image_generation_call", "id": "ig_1", "status": "in_progress", "result": null}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": response}),
    ]);
    let chat = sse(&[openrouter("delta", &uri)]) + "data: [DONE]\n\n";
    for (from, text) in [(R, &responses), (C, &chat)] {
        assert_eq!(pictures(text.as_bytes(), from), expected, "{from}");
        for to in CHATTING {
            let streamed = stream_at_every_split(from, to, text);
            assert_eq!(streamed.outcome, Outcome::Complete);
            validator::check(to, &streamed.text);
            let told = if to == M { "image/png" } else { PNG };
            assert!(
                streamed.text.contains(told),
                "{from} to {to}: {}",
                streamed.text
            );
        }
    }
    let elsewhere = openrouter("message", "https://a.example/b.png").to_string();
    let (body, _) = translate_response(C, M, elsewhere.into_bytes(), &reply()).unwrap();
    assert_eq!(
        value(&body)["content"][1]["text"],
        "https://a.example/b.png"
    );
}

#[test]
fn e13_drafts_are_not_shown() {
    let mut draft = drawn();
    draft["thought"] = json!(true);
    draft["thoughtSignature"] = json!("c2ln");
    let answer = gemini(json!([{"text": "Hm", "thought": true}, draft, drawn()]));
    let whole = answer.to_string().into_bytes();
    assert_eq!(pictures(&whole, G), [format!("image/png:{PNG}")]);
    let streamed = sse(&[answer]).into_bytes();
    let read = |bytes: Vec<u8>| read_response(G, bytes).unwrap().choices;
    assert_eq!(read(whole), read(streamed));
}
