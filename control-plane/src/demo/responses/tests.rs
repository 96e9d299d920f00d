use super::*;
use crate::demo::Behaviour;

fn answer(text: &str) -> Answer {
    let body = json!({ "model": "m", "input": [{ "role": "user", "content": text }] });
    let ask = read(body.to_string().as_bytes()).expect("a request");
    ask.answer(Behaviour::default()).expect("an answer")
}

/// Types of the events, without what they all begin with.
fn events(text: &str) -> Vec<String> {
    let steps = stream(&answer(text)).into_iter();
    let sent: String = steps
        .map(|step| match step {
            Step::Now(event) | Step::Piece(event) => event,
            Step::Break => "data: {\"type\":\"break\"}\n\n".into(),
        })
        .collect();
    let events: Vec<Value> = sent
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect();
    let numbers = events
        .iter()
        .filter_map(|it| it["sequence_number"].as_u64());
    let sorted: Vec<u64> = numbers.collect();
    assert!(sorted.is_sorted(), "{sorted:?}");
    let kinds = events.iter().filter_map(|event| event["type"].as_str());
    kinds
        .map(|kind| kind.trim_start_matches("response.").to_owned())
        .collect()
}

#[test]
fn streams_are_in_openais_order() {
    let begun = &["created", "in_progress"][..];
    let message = &[
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
    ][..];
    let reasoning = &[
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ][..];
    let call = &[
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ][..];
    for (text, expected) in [
        ("[demo text=a]", [begun, message, &["completed"]].concat()),
        (
            "[demo text=\"\"]",
            [begun, message, &["completed"]].concat(),
        ),
        (
            "[demo text=a finish=length]",
            [begun, message, &["incomplete"]].concat(),
        ),
        (
            "[demo text=a reasoning=b]",
            [begun, reasoning, message, &["completed"]].concat(),
        ),
        (
            "[demo tool=f,g args={}]",
            [begun, call, call, &["completed"]].concat(),
        ),
        (
            "[demo text=ab chunks=2 fail_after=0]",
            [begun, &["error"]].concat(),
        ),
        (
            "[demo text=ab chunks=2 cut=1]",
            [begun, &message[..3], &["break"]].concat(),
        ),
    ] {
        assert_eq!(events(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    for body in [
        "",
        "[]",
        r#"{"model":"m"}"#,
        r#"{"input":"hi"}"#,
        r#"{"model":"m","input":"hi","previous_response_id":"resp_1"}"#,
    ] {
        let read = read(body.as_bytes());
        assert_eq!(read.map_err(|failure| failure.status), Err(400), "{body}");
    }
}
