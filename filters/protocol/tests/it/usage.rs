//! What answers tell that bills need beside text tokens: sound, images, films, searches, tiers.

use serde_json::{Value, json};
use tollgate_protocol::neutral::{ServiceTier, Usage};
use tollgate_protocol::{Dialect, peek, read_usage, translate_response};

use crate::support::{C, G, M, R, body, reply, stream, value};

const NONE: Usage = Usage {
    input_tokens: None,
    cache_read_tokens: None,
    cache_write_5m_tokens: None,
    cache_write_1h_tokens: None,
    output_tokens: None,
    reasoning_tokens: None,
    input_image_tokens: None,
    input_audio_tokens: None,
    input_video_tokens: None,
    output_audio_tokens: None,
    output_image_tokens: None,
    web_searches: None,
    web_fetches: None,
    code_runs: None,
    file_searches: None,
    service_tier: None,
};

fn told(dialect: Dialect, answer: &Value) -> Usage {
    read_usage(dialect, answer.to_string().as_bytes()).unwrap()
}

#[test]
fn i10_i14_every_dialect_tells_media_tools_and_tier_in_its_own_place() {
    for (dialect, answer, expected) in [
        (
            C,
            json!({"choices": [], "service_tier": "flex", "usage": {
                "prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17,
                "prompt_tokens_details": {"audio_tokens": 1, "image_tokens": 2, "video_tokens": 3},
                "completion_tokens_details": {"audio_tokens": 4, "image_tokens": 5},
                "server_tool_use": {"web_search_requests": 6}}}),
            Usage {
                input_tokens: Some(9),
                output_tokens: Some(8),
                input_audio_tokens: Some(1),
                input_image_tokens: Some(2),
                input_video_tokens: Some(3),
                output_audio_tokens: Some(4),
                output_image_tokens: Some(5),
                web_searches: Some(6),
                service_tier: Some(ServiceTier::Flex),
                ..NONE
            },
        ),
        (
            R,
            json!({"object": "response", "status": "completed", "service_tier": "priority",
                "usage": {"input_tokens": 9, "output_tokens": 8,
                    "input_tokens_details": {"audio_tokens": 1, "image_tokens": 2}},
                "output": [
                    {"type": "web_search_call", "action": {"type": "search"}},
                    {"type": "web_search_call", "action": {"type": "open_page"}},
                    {"type": "web_search_call", "action": {"type": "search"}},
                    {"type": "file_search_call"}, {"type": "code_interpreter_call"},
                    {"type": "message", "content": []}]}),
            Usage {
                input_tokens: Some(9),
                output_tokens: Some(8),
                input_audio_tokens: Some(1),
                input_image_tokens: Some(2),
                web_searches: Some(2),
                file_searches: Some(1),
                code_runs: Some(1),
                service_tier: Some(ServiceTier::Priority),
                ..NONE
            },
        ),
        (
            M,
            json!({"type": "message", "content": [], "usage": {"input_tokens": 9, "output_tokens": 8,
                "service_tier": "standard", "server_tool_use": {"web_search_requests": 1,
                    "web_fetch_requests": 2, "code_execution_requests": 3}}}),
            Usage {
                input_tokens: Some(9),
                output_tokens: Some(8),
                web_searches: Some(1),
                web_fetches: Some(2),
                code_runs: Some(3),
                service_tier: Some(ServiceTier::Default),
                ..NONE
            },
        ),
        (
            M,
            json!({"type": "message", "content": [], "usage": {"input_tokens": 9, "output_tokens": 8,
                "service_tier": "standard", "speed": "fast", "server_tool_use": null}}),
            Usage {
                input_tokens: Some(9),
                output_tokens: Some(8),
                service_tier: Some(ServiceTier::Priority),
                ..NONE
            },
        ),
        // What came from the cache is no part of a modality.
        (
            G,
            json!({"candidates": [], "usageMetadata": {"promptTokenCount": 100,
                "cachedContentTokenCount": 30, "candidatesTokenCount": 20, "serviceTier": "flex",
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 50},
                    {"modality": "VIDEO", "tokenCount": 7}, {"modality": "IMAGE", "tokenCount": 6},
                    {"modality": "TEXT", "tokenCount": 37}],
                "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}],
                "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}]}}),
            Usage {
                input_tokens: Some(100),
                cache_read_tokens: Some(30),
                output_tokens: Some(20),
                input_audio_tokens: Some(20),
                input_video_tokens: Some(7),
                input_image_tokens: Some(6),
                output_audio_tokens: Some(20),
                service_tier: Some(ServiceTier::Flex),
                ..NONE
            },
        ),
        (
            G,
            json!({"candidates": [], "usageMetadata": {"promptTokenCount": 1,
                "candidatesTokenCount": 2, "trafficType": "ON_DEMAND_PRIORITY"}}),
            Usage {
                input_tokens: Some(1),
                output_tokens: Some(2),
                service_tier: Some(ServiceTier::Priority),
                ..NONE
            },
        ),
        (
            Dialect::BedrockConverse,
            json!({"output": {}, "serviceTier": {"type": "reserved"},
                "usage": {"inputTokens": 1, "outputTokens": 2}}),
            Usage {
                input_tokens: Some(1),
                output_tokens: Some(2),
                service_tier: Some(ServiceTier::Scale),
                ..NONE
            },
        ),
    ] {
        assert_eq!(told(dialect, &answer), expected, "{answer}");
    }
}

#[test]
fn reasoning_is_part_of_the_output_even_where_it_is_told_apart() {
    for (usage, output) in [
        // xAI: the sum of all three.
        (
            json!({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94}}),
            103,
        ),
        (
            json!({"prompt_tokens": 32, "completion_tokens": 103, "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94}}),
            103,
        ),
        (
            json!({"prompt_tokens": 32, "completion_tokens": 9,
                "completion_tokens_details": {"reasoning_tokens": 4}}),
            9,
        ),
        (
            json!({"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}),
            9,
        ),
    ] {
        let answer = json!({"choices": [], "usage": usage});
        assert_eq!(told(C, &answer).output_tokens, Some(output), "{answer}");
    }
}

#[test]
fn a_streams_last_word_on_the_tier_counts() {
    let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"service_tier\":\"auto\"}\n\n\
        data: {\"choices\":[],\"service_tier\":\"default\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n\
        data: [DONE]\n\n";
    let usage = stream(C, M, reply(), [text.as_bytes()]).usage;
    assert_eq!(usage.service_tier, Some(ServiceTier::Default));
}

#[test]
fn what_a_caller_asks_for_is_read_from_its_request() {
    for (dialect, request, expected) in [
        (
            C,
            json!({"model": "m", "service_tier": "flex"}),
            Some(ServiceTier::Flex),
        ),
        (C, json!({"model": "m", "service_tier": "auto"}), None),
        (C, json!({"model": "m", "service_tier": 7}), None),
        (
            R,
            json!({"model": "m", "service_tier": "fast"}),
            Some(ServiceTier::Priority),
        ),
        (
            M,
            json!({"model": "m", "service_tier": "standard_only", "speed": "fast"}),
            Some(ServiceTier::Priority),
        ),
        (
            M,
            json!({"model": "m", "service_tier": "standard_only", "speed": "standard"}),
            Some(ServiceTier::Default),
        ),
    ] {
        let peeked = peek(dialect, &body(&request)).unwrap();
        assert_eq!(peeked.service_tier, expected, "{request}");
    }
    let request = json!({"model": "m", "serviceTier": "priority", "contents": []});
    let peeked = peek(G, &body(&request)).unwrap();
    assert_eq!(peeked.service_tier, Some(ServiceTier::Priority));
}

#[test]
fn searches_are_told_to_anthropics_callers() {
    let answer = json!({"candidates": [{"content": {"parts": [{"text": "x"}]},
        "finishReason": "STOP", "groundingMetadata": {"webSearchQueries": ["a", "b"]}}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1}});
    let usage = translate_answer(G, M, &answer)["usage"].clone();
    assert_eq!(
        usage["server_tool_use"],
        json!({"web_search_requests": 2, "web_fetch_requests": 0})
    );
}

fn translate_answer(from: Dialect, to: Dialect, answer: &Value) -> Value {
    let bytes = answer.to_string().into_bytes();
    let (written, _) = translate_response(from, to, bytes, &reply()).unwrap();
    value(&written)
}
