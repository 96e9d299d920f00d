//! What every provider of the catalogue is sent. `providers.json` holds a channel of each, as the
//! control plane publishes it, and is kept fresh by its tests; `wire.txt` holds what reaches the
//! wire for callers of each dialect, and is renewed with `UPDATE_GOLDENS=1`.

use tollgate_protocol::Quirk;

use super::*;

const CHAT_REQUEST: &str = r#"{"model":"m","stream":true,"max_completion_tokens":64,"temperature":0.5,"messages":[{"role":"developer","content":[{"type":"text","text":"be brief"}]},{"role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_0123456789","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_0123456789","content":"ok"}]}"#;

const MESSAGES_REQUEST: &str = r#"{"model":"m","stream":true,"max_tokens":4096,"system":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral"}}],"thinking":{"type":"enabled","budget_tokens":2048},"tools":[{"name":"f","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"tool_use","id":"toolu_0123456789","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_0123456789","content":"ok"}]}]}"#;

const ONE_MESSAGE: &str = r#"{"model":"m","stream":true,"max_completion_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#;
const ONE_PROMPT: &str = r#"{"model":"m","stream":true,"prompt":"hi","suffix":"bye"}"#;

/// Headers that every attempt has.
const USUAL: [&str; 9] = [
    ":method",
    ":scheme",
    ":authority",
    ":path",
    "content-type",
    "content-length",
    "accept",
    "accept-encoding",
    REQUEST_ID_HEADER,
];

#[test]
fn every_provider_gets_what_it_understands() {
    let channels: Vec<Channel> = serde_json::from_str(include_str!("providers.json")).unwrap();
    let mut seen = String::new();
    for channel in channels {
        seen.push_str(&format!("{} {}\n", channel.id, channel.name));
        let gemini = [(GENERATE, GEMINI_REQUEST)];
        let callers = [(CHAT, CHAT_REQUEST), (MESSAGES, MESSAGES_REQUEST)];
        let own = gemini.into_iter().filter(|_| channel.dialect == "gemini");
        // It knows no conversation.
        let callers = match channel.dialect == "openai-completions" {
            true => [(CHAT, ONE_MESSAGE), ("/v1/completions", ONE_PROMPT)],
            false => callers,
        };
        for (path, request) in callers.into_iter().chain(own) {
            let (host, ..) = begin(vec![channel.clone()], path, request);
            let show = |name| host.shown(Map::Request, name);
            let body = host.text(Body::Request);
            seen.push_str(&format!(
                "  {} {}://{}{}\n",
                show(":method"),
                show(":scheme"),
                show(":authority"),
                show(":path")
            ));
            for (name, value) in host.headers(Map::Request).unwrap().iter() {
                if !USUAL.contains(&name) {
                    let value = str::from_utf8(value).unwrap();
                    seen.push_str(&format!("    {name}: {value}\n"));
                }
            }
            seen.push_str(&format!("    {body}\n"));

            assert_eq!(show("content-length"), body.len().to_string());
            let is_chat = show(":path").contains("/chat/completions");
            for quirk in channel.quirks.iter().filter(|_| is_chat) {
                let told = rejected(*quirk, path).iter().find(|it| body.contains(**it));
                assert_eq!(told, None, "{} has {quirk}: {body}", channel.name);
            }
        }
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/src/upstream/tests/wire.txt");
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(golden, &seen).unwrap();
    }
    let expected = std::fs::read_to_string(golden).unwrap();
    for (line, (seen, expected)) in seen.lines().zip(expected.lines()).enumerate() {
        assert_eq!(seen, expected, "line {} of wire.txt", line + 1);
    }
    assert_eq!(seen.len(), expected.len());
}

/// What an upstream with this quirk must not see from a caller of this path.
fn rejected(quirk: Quirk, path: &str) -> &'static [&'static str] {
    match quirk {
        Quirk::LegacyMaxTokens => &["max_completion_tokens"],
        Quirk::StringContent => &[r#""content":["#],
        Quirk::NoDeveloperRole => &[r#""developer""#],
        Quirk::NoStreamOptions => &["stream_options"],
        Quirk::NineCharCallIds => &["0123456789"],
        Quirk::NoSampling => &["temperature", "top_p"],
        // Callers of Chat Completions choose their own words for it.
        Quirk::NoReasoningEffort
        | Quirk::ThinkingType
        | Quirk::EnableThinking
        | Quirk::ReasoningObject
            if path == MESSAGES =>
        {
            &["reasoning_effort"]
        }
        _ => &[],
    }
}
