//! Asks a route until its handler has asked for all that it knows: first with nothing, then with
//! each field that it says is required, then with each object and list in which it may look for
//! more.

use super::super::*;
use crate::admin::heard::{Heard, Listener, Shape};

/// More rounds than any route takes.
const ROUNDS: usize = 200;

/// How often one field is put where it is said to be missing: what is around it may have been taken
/// back.
const TRIES: usize = 5;

/// What the readers of an operation asked for.
pub(super) async fn listen(router: &Router, method: &Method, path: &str, key: &str) -> Listener {
    let listener = Listener::new();
    let mut body = json!({});
    // The body before something was put into it that may not be liked.
    let mut before = body.clone();
    let (mut looked_into, mut required) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api{path}"))
            .header("authorization", key)
            .extension(listener.clone());
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let refused = !answer.status().is_success();
        let answer = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let message = answer["message"].as_str().unwrap_or_default();

        if refused
            && let Some((name, _)) = message.split_once(" is required")
            && let Some(steps) = steps(&listener.body, name)
            && required.iter().filter(|known| **known == steps).count() < TRIES
        {
            let field = find(&listener.body, &steps).unwrap();
            field.part().unwrap().required = true;
            let sample = sample(&steps, &field);
            put(&mut body, &steps, sample);
            required.push(steps);
            continue;
        }
        if refused {
            body = before;
        }
        let Some((steps, empty)) = unknown(&listener.body, &looked_into) else {
            return listener;
        };
        before = body.clone();
        put(&mut body, &steps, empty);
        looked_into.push(steps);
    }
    panic!("{method} {path} asks for more and more: {body}");
}

/// A field, or the entries of a list, in what lies around it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Entry,
}

/// The way to what a message names, such as `price.conditional_prices[0].condition`.
fn steps(body: &Heard, name: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    if matches!(body.part()?.shape, Shape::List { .. }) {
        steps.push(Step::Entry);
    }
    for piece in name.split(['.', ':']).map(str::trim) {
        let entry = piece.strip_suffix("[0]");
        steps.push(Step::Field(entry.unwrap_or(piece).to_owned()));
        if entry.is_some() {
            steps.push(Step::Entry);
        }
    }
    find(body, &steps).map(|_| steps)
}

fn find(from: &Heard, steps: &[Step]) -> Option<Heard> {
    let Some((step, rest)) = steps.split_first() else {
        return Some(from.clone());
    };
    let next = match (&from.part()?.shape, step) {
        (Shape::Fields { fields, .. }, Step::Field(name)) => fields.get(name)?.clone(),
        (Shape::List { entries, .. }, Step::Entry) => entries.clone(),
        _ => return None,
    };
    find(&next, rest)
}

/// The first object or list that was not looked into, and what it takes to do that.
fn unknown(from: &Heard, tried: &[Vec<Step>]) -> Option<(Vec<Step>, Value)> {
    let mut open = vec![(Vec::new(), from.clone())];
    while let Some((steps, heard)) = open.pop() {
        let part = heard.part()?;
        let (empty, inside): (_, Vec<_>) = match &part.shape {
            Shape::Fields { fields, .. } => (
                json!({}),
                fields
                    .iter()
                    .map(|(name, field)| (Step::Field(name.clone()), field.clone()))
                    .collect(),
            ),
            Shape::List { entries, .. } => match entries.part()?.shape {
                Shape::Plain(_) => continue,
                _ => (json!([{}]), vec![(Step::Entry, entries.clone())]),
            },
            Shape::Anything | Shape::Plain(_) => continue,
        };
        if !steps.is_empty() || empty.is_array() {
            let known = tried.contains(&steps);
            if !known && steps.last() != Some(&Step::Entry) {
                return Some((steps, empty));
            }
        }
        for (step, heard) in inside {
            let mut steps = steps.clone();
            steps.push(step);
            open.push((steps, heard));
        }
    }
    None
}

fn put(into: &mut Value, steps: &[Step], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *into = value;
        return;
    };
    let next = match step {
        Step::Field(name) => {
            if !into.is_object() {
                *into = json!({});
            }
            into.as_object_mut()
                .unwrap()
                .entry(name.clone())
                .or_insert(Value::Null)
        }
        Step::Entry => {
            if !into.is_array() {
                *into = json!([null]);
            }
            into.get_mut(0).unwrap()
        }
    };
    put(next, rest, value);
}

/// Something that the rules let through.
fn sample(steps: &[Step], field: &Heard) -> Value {
    let Some(Step::Field(name)) = steps.last() else {
        return json!({});
    };
    match (name.as_str(), &field.part().unwrap().shape) {
        ("username", _) => json!("somebody"),
        ("password" | "new_password", _) => json!("correct horse battery"),
        ("address", _) => json!("203.0.113.7"),
        ("url" | "base_url", _) => json!("https://example.com"),
        ("service_tier", _) => json!("auto"),
        ("key", _) if steps.len() == 1 => json!("RetryTimes"),
        ("value", _) => json!("1"),
        (_, Shape::Fields { .. }) => json!({}),
        (_, Shape::List { .. }) => json!([{}]),
        (_, Shape::Plain(schema)) => match &schema["type"] {
            kind if kind == "string" => json!("sample"),
            kind if kind == "boolean" => json!(true),
            kind if kind == "array" => json!(["sample"]),
            _ => schema
                .get("minimum")
                .filter(|it| **it != 0)
                .cloned()
                .unwrap_or(json!(1)),
        },
        (_, Shape::Anything) => json!(1),
    }
}
