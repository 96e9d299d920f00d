//! What a request names instead of bringing it: pictures and files by address or id, and what its
//! provider keeps. A file that is brought belongs here too, for its pages are compressed. How many
//! tokens that is, no bytes tell.

use tollgate_protocol::Body;
use tollgate_protocol::conversation::references;
use tollgate_protocol::json::{Json, Kind};

/// Whether there is any of it. Names are looked at, and large texts stepped over.
pub(super) fn any(body: &Body) -> bool {
    is_any(body.json(), "") || !references(body).is_empty()
}

/// `place` is the name of the member that this stands in.
fn is_any(json: Json<'_>, place: &str) -> bool {
    match json.kind() {
        Kind::Array => json.items().any(|item| is_any(item, place)),
        Kind::Object => {
            // Answers cite pages by their `url`, which nobody reads again.
            let is_source = || json.get("type").is_some_and(|kind| kind.raw() == "\"url\"");
            json.entries().any(|(key, value)| match &*key {
                "url" => is_address(value) && (place.ends_with("_url") || is_source()),
                key => is_one(key, value) || (!is_a_tools(key, value) && is_any(value, key)),
            })
        }
        _ => false,
    }
}

/// Whether a member of that name says where something is, or is a file.
fn is_one(key: &str, value: Json<'_>) -> bool {
    match key {
        "file_id"
        | "file_data"
        | "fileUri"
        | "file_uri"
        | "cachedContent"
        | "cached_content"
        | "previous_response_id" => value.kind() == Kind::String,
        // By id, or as an object with one.
        "conversation" | "prompt" => {
            let id = value.get("id").unwrap_or(value);
            id.kind() == Kind::String && (key != "prompt" || value.kind() == Kind::Object)
        }
        "media_type" | "mimeType" | "mime_type" => {
            value.as_str().as_deref() == Some("application/pdf")
        }
        _ => (key == "image" || key.ends_with("_url")) && is_address(value),
    }
}

/// What tools take and give has names of its own.
fn is_a_tools(key: &str, value: Json<'_>) -> bool {
    matches!(key, "args" | "input" | "response") && value.kind() == Kind::Object
}

/// Whether it is no `data:`. The slashes may be escaped, and so may all else.
fn is_address(value: Json<'_>) -> bool {
    let text = value.string_body().unwrap_or_default().as_bytes();
    let start = text.get(..8).unwrap_or(text);
    start.contains(&b'\\') || start.windows(2).any(|two| two == b":/")
}

#[cfg(test)]
mod tests {
    use tollgate_protocol::Limits;

    use super::*;

    #[test]
    fn what_is_named_is_found_wherever_it_stands() {
        for (request, expected) in [
            (
                r#"{"messages":[{"content":[{"image_url":{"detail":"low","url":"https://a/b"}}]}]}"#,
                true,
            ),
            (
                r#"{"messages":[{"content":[{"image_url":{"url":"https:\/\/a\/b"}}]}]}"#,
                true,
            ),
            (
                r#"{"messages":[{"content":[{"image_url":{"url":"\u0068ttps://a/b"}}]}]}"#,
                true,
            ),
            (
                r#"{"messages":[{"content":[{"image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#,
                false,
            ),
            (
                r#"{"input":[{"content":[{"type":"input_image","image_url":"https://a/b"}]}]}"#,
                true,
            ),
            (
                r#"{"input":[{"content":[{"type":"input_image","image_url":"data:image/png;base64,AA"}]}]}"#,
                false,
            ),
            (
                r#"{"input":[{"content":[{"type":"input_file","file_url":"https://a/b.pdf"}]}]}"#,
                true,
            ),
            (
                r#"{"input":[{"content":[{"type":"input_file","\u0066ile_id":"file-1"}]}]}"#,
                true,
            ),
            (
                r#"{"input":[{"content":[{"type":"input_file","file_data":"data:application/pdf;base64,AA"}]}]}"#,
                true,
            ),
            (
                r#"{"messages":[{"content":[{"type":"document","source":{"type":"url","url":"https://a"}}]}]}"#,
                true,
            ),
            (
                r#"{"messages":[{"content":[{"source":{"url":"https://a","type":"url"}}]}]}"#,
                true,
            ),
            (
                r#"{"messages":[{"content":[{"source":{"type":"base64","media_type":"application/pdf","data":"AA"}}]}]}"#,
                true,
            ),
            (
                r#"{"messages":[{"content":[{"source":{"type":"base64","media_type":"image/png","data":"AA"}}]}]}"#,
                false,
            ),
            (
                r#"{"contents":[{"parts":[{"fileData":{"fileUri":"gs://a/b"}}]}]}"#,
                true,
            ),
            (
                r#"{"cachedContent":"cachedContents/1","contents":[]}"#,
                true,
            ),
            (r#"{"input":[{"image":"https://a/b"}]}"#, true),
            (r#"{"input":"and?","previous_response_id":"resp_1"}"#, true),
            (r#"{"input":"and?","previous_response_id":null}"#, false),
            (r#"{"input":"and?","conversation":{"id":"conv_1"}}"#, true),
            (r#"{"input":"and?","conversation":"conv_1"}"#, true),
            (r#"{"prompt":{"id":"pmpt_1"}}"#, true),
            (r#"{"prompt":"once upon"}"#, false),
            (r#"{"input":[{"id":"msg_1"}]}"#, true),
            (
                r#"{"input":[{"type":"item_reference","id":"msg_1"}]}"#,
                true,
            ),
            // Words, citations, and what tools take.
            (
                r#"{"messages":[{"content":"\"file_id\":\"a\" https://a"}]}"#,
                false,
            ),
            (
                r#"{"messages":[{"annotations":[{"type":"url_citation","url_citation":{"url":"https://a"}}]}]}"#,
                false,
            ),
            (
                r#"{"input":[{"content":[{"annotations":[{"type":"url_citation","url":"https://a"}]}]}]}"#,
                false,
            ),
            (
                r#"{"messages":[{"content":[{"type":"web_search_result","url":"https://a"}]}]}"#,
                false,
            ),
            (
                r#"{"messages":[{"content":[{"type":"tool_use","input":{"file_id":"a","image":"https://a"}}]}]}"#,
                false,
            ),
            (
                r#"{"tools":[{"input_schema":{"properties":{"file_id":{"type":"string"},"url":{"type":"string"}},"required":["url"]}}]}"#,
                false,
            ),
        ] {
            let body = Body::parse(request.into(), &Limits::request(1 << 20)).unwrap();
            assert_eq!(any(&body), expected, "{request}");
        }
    }
}
