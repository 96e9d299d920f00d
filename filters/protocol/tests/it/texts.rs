//! Strings cross without being decoded: what they mean stays, and where the bytes of
//! the body would do, they are what is written.

use serde_json::{Value, json};
use tollgate_protocol::json::Json;
use tollgate_protocol::{Dialect, Target, read_response, write_response};

use crate::support::{C, Dice, M, TARGET, body, reply, value, write};

/// A user message whose text is written as `inside`, between the quotes.
fn request(dialect: Dialect, inside: &str) -> String {
    let limit = match dialect {
        M => r#""max_tokens":9,"#,
        _ => "",
    };
    format!(
        r#"{{"model":"m",{limit}"messages":[
            {{"role":"user","content":"{inside}"}},
            {{"role":"user","content":[{{"type":"text","text":"{inside}"}}]}}]}}"#
    )
}

fn translated(from: Dialect, to: Dialect, text: &str, target: &Target<'_>) -> String {
    let read = tollgate_protocol::read_request(from, &body(text)).unwrap();
    let written = tollgate_protocol::write_request(to, &read, target).unwrap();
    String::from_utf8(written.body).unwrap()
}

#[test]
fn escapes_cross_as_they_were_written() {
    for inside in [
        r"a\nb",
        r#"\"\\\/\b\f\r\t"#,
        r"\u0041\u00e9\ud83d\uDE00",
        r"x\u005cn",
        r"\u0000 not blank",
    ] {
        let quoted = format!("\"{inside}\"");
        for (from, to) in [(C, C), (C, M), (M, C), (M, M)] {
            let text = translated(from, to, &request(from, inside), &TARGET);
            assert_eq!(text.matches(&quoted).count(), 2, "{from} {to} {text}");
        }
    }
}

#[test]
fn random_strings_keep_their_meaning() {
    let mut dice = Dice::new();
    let chars = [
        'a', 'é', '😀', '\n', '"', '\\', '/', '\u{1}', ' ', '\u{2028}',
    ];
    for _ in 0..300 {
        let text: String = (0..1 + dice.roll(90))
            .map(|_| chars[dice.roll(chars.len())])
            .collect();
        let text = format!("x{text}");
        let mut inside = String::new();
        for char in text.chars() {
            let quoted = serde_json::to_string(&char).unwrap();
            match dice.roll(3) {
                0 => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        inside.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                _ => inside.push_str(&quoted[1..quoted.len() - 1]),
            }
        }
        let one_string = Target {
            string_content: true,
            ..TARGET
        };
        for (from, to) in [(C, M), (M, C)] {
            for target in [TARGET, one_string] {
                let there = translated(from, to, &request(from, &inside), &target);
                let back = translated(to, from, &there, &target);
                for body in [there, back] {
                    let strings = strings(&serde_json::from_str(&body).unwrap());
                    let all: usize = strings.iter().map(|own| own.matches(&text).count()).sum();
                    assert_eq!(all, 2, "{text:?} in {body}");
                }
            }
        }
    }
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn white_space_is_blank_in_any_spelling() {
    for (inside, blank) in [
        (r" \t\r\n ", true),
        (r"\u0020\u00a0", true),
        (r"\n\n.", false),
        (r"\u0020\u200b", false),
    ] {
        let text = request(C, inside).replace("\"role\"", "\"name\":\"n\",\"role\"");
        let kept = translated(C, M, &text.replacen(inside, "said", 1), &TARGET);
        assert_eq!(kept.contains(inside), !blank, "{kept}");
    }
}

#[test]
fn a_billing_header_is_known_in_any_spelling() {
    for (system, kept) in [
        (r"x-anthropic-billing-header: a\nb", false),
        (r"\u0078-anthropic-billing-header", false),
        (r"x-anthropic-billing\n", true),
    ] {
        let text = request(M, "hi").replacen(
            '{',
            &format!(r#"{{"system":[{{"type":"text","text":"{system}"}}],"#),
            1,
        );
        let written = translated(M, C, &text, &TARGET);
        assert_eq!(written.contains("\"system\""), kept, "{written}");
    }
}

/// Joined texts of an answer, one of them with half of a surrogate pair.
#[test]
fn half_a_surrogate_pair_is_never_passed_on() {
    for half in [r"\ud83d", r"\uDE00", r"\ud83d\ud83d\ude00 \udfff"] {
        let answer = format!(
            r#"{{"id":"i","type":"message","role":"assistant","model":"m","content":[
                {{"type":"text","text":"a\n{half}"}},{{"type":"text","text":"\ude00b"}}],
                "stop_reason":"end_turn","usage":{{"input_tokens":1,"output_tokens":1}}}}"#
        );
        let response = read_response(M, answer.into_bytes()).unwrap();
        for to in [C, M] {
            let written = write_response(to, &response, &reply());
            let json = Json::parse(&written, &tollgate_protocol::Limits::request(1 << 20));
            assert!(json.is_ok(), "{to}");
            let strings = strings(&value(&written));
            assert!(strings.iter().any(|text| text.contains("a\n")));
            assert!(strings.iter().any(|text| text.contains("\u{fffd}b")));
        }
    }
}

#[test]
fn arguments_are_read_through_their_escapes() {
    let call = |arguments: &str| {
        json!({"model": "m", "messages": [{"role": "user", "content": "x"}, {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "function", "function": {
                "name": "f", "arguments": arguments,
            }}],
        }, {"role": "tool", "tool_call_id": "c", "content": "r"}]})
    };
    for (arguments, input) in [
        (
            r#"{"a":"\"\n\\u0041"}"#,
            json!({"malformed_arguments": r#"{"a":"\"\n\\u0041"}"#}),
        ),
        (r#"{"a":"\"\\u0041"}"#, json!({"a": "\"\\u0041"})),
        ("\n{\"b\" : [1]}\t", json!({"b": [1]})),
        ("\n\t", json!({})),
    ] {
        let arguments = arguments.replace("\\n", "\n");
        let input = match input.get("malformed_arguments") {
            Some(_) => json!({"malformed_arguments": arguments}),
            None => input,
        };
        let written = write(C, M, &call(&arguments)).unwrap();
        let written = value(&written.body);
        assert_eq!(written["messages"][1]["content"][0]["input"], input);
    }
}
