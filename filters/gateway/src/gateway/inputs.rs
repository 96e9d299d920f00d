//! What of a prompt is no text: pictures, sound and films, and what it names instead of bringing it.
//! Prices ask for some of it, and of none of it do the bytes tell how many tokens it is.

use tollgate_protocol::Body;
use tollgate_protocol::conversation::references;
use tollgate_protocol::json::{Json, Kind};

/// What there is beside text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// Brought, or by address or id.
    pub(crate) pictures: u64,
    /// How much of the body they are, brought or not.
    pub(crate) picture_bytes: usize,
    /// Sound, that of films too.
    pub(crate) is_heard: bool,
    pub(crate) is_film: bool,
    /// Files, sound and films by address or id, and what the provider keeps. Files that are brought too,
    /// for their pages are compressed.
    pub(crate) is_elsewhere: bool,
}

impl Inputs {
    /// Names are looked at, and large texts stepped over.
    pub(super) fn of(body: &Body) -> Self {
        let mut inputs = Self::default();
        inputs.look(body.json(), "", false);
        inputs.is_elsewhere |= !references(body).is_empty();
        inputs
    }

    /// What was found, or that there is none, which of what is elsewhere nobody knows.
    pub(crate) fn knows(self, found: bool) -> Option<bool> {
        (found || !self.is_elsewhere).then_some(found)
    }

    /// `place` is the name of the member that this stands in, of a picture perhaps.
    fn look(&mut self, json: Json<'_>, place: &str, in_picture: bool) {
        if json.kind() == Kind::Array {
            return json.items().for_each(|it| self.look(it, place, false));
        }
        if json.kind() != Kind::Object {
            return;
        }
        // Once for all members: there may be a million of them.
        let [kind, gemini, snake] = json.members(["type", "mimeType", "mime_type"]);
        let class = kind.or(gemini).or(snake).and_then(Json::as_str);
        let class = class.unwrap_or_default();
        let in_picture = in_picture || self.is_picture(&class);
        // Answers cite pages by their `url`, which nobody reads again.
        let has_source = place.ends_with("_url") || class == "url";
        for (key, value) in json.entries() {
            match (&*key, value.kind()) {
                // All else that it says is text, whatever it calls itself.
                ("data" | "url" | "image_url", Kind::String) if in_picture => self.take_off(value),
                ("source" | "image_url", Kind::Object) if in_picture => {
                    self.look(value, &key, true);
                }
                ("file_id", _) if in_picture => {}
                ("url", _) if has_source => self.is_elsewhere |= is_address(value),
                (key, _) => self.member(key, value),
            }
        }
    }

    fn member(&mut self, key: &str, value: Json<'_>) {
        match (key, value.kind()) {
            // Ollama's, and those of embeddings.
            ("images", Kind::Array) => {
                for picture in value.items().filter(|it| it.kind() == Kind::String) {
                    self.pictures += 1;
                    self.take_off(picture);
                }
            }
            ("image", Kind::String) => {
                self.pictures += 1;
                self.take_off(value);
            }
            // What tools take and give has names of its own.
            ("args" | "input" | "response", Kind::Object) => {}
            _ if is_elsewhere(key, value) => self.is_elsewhere = true,
            _ => self.look(value, key, false),
        }
    }

    /// By its type, or Gemini's media type; notes sound and films.
    fn is_picture(&mut self, class: &str) -> bool {
        let (class, _) = class.split_once('/').unwrap_or((class, ""));
        match class {
            "input_image" | "image_url" | "image" => {
                self.pictures += 1;
                return true;
            }
            "input_audio" | "audio" => self.is_heard = true,
            "input_video" | "video_url" | "video" => {
                (self.is_heard, self.is_film) = (true, true);
            }
            _ => {}
        }
        false
    }

    fn take_off(&mut self, picture: Json<'_>) {
        self.picture_bytes += picture.raw().len();
    }
}

/// Whether a member of that name says where something is, or is a file.
fn is_elsewhere(key: &str, value: Json<'_>) -> bool {
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
        _ => key.ends_with("_url") && is_address(value),
    }
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

    fn of(request: &str) -> Inputs {
        Inputs::of(&Body::parse(request.into(), &Limits::request(1 << 20)).unwrap())
    }

    #[test]
    fn what_is_no_text_is_found_wherever_it_stands() {
        for (request, expected) in [
            (
                r#"{"messages":[{"content":[{"image_url":{"detail":"low","url":"https://a/b"}}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"messages":[{"content":[{"image_url":{"url":"https:\/\/a\/b"}}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"messages":[{"content":[{"image_url":{"url":"\u0068ttps://a/b"}}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"messages":[{"content":[{"image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#,
                "",
            ),
            (
                r#"{"input":[{"content":[{"type":"input_image","image_url":"https://a/b"}]}]}"#,
                "picture",
            ),
            (
                r#"{"input":[{"content":[{"type":"input_image","image_url":"data:image/png;base64,AA"}]}]}"#,
                "picture",
            ),
            (
                r#"{"input":[{"content":[{"type":"input_file","file_url":"https://a/b.pdf"}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"input":[{"content":[{"type":"input_file","\u0066ile_id":"file-1"}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"input":[{"content":[{"type":"input_file","file_data":"data:application/pdf;base64,AA"}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"messages":[{"content":[{"type":"document","source":{"type":"url","url":"https://a"}}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"messages":[{"content":[{"type":"document","source":{"type":"\u0075rl","url":"https://a"}}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"messages":[{"content":[{"source":{"url":"https://a","type":"url"}}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"messages":[{"content":[{"source":{"type":"base64","media_type":"application/pdf","data":"AA"}}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"messages":[{"content":[{"source":{"type":"base64","media_type":"image/png","data":"AA"}}]}]}"#,
                "",
            ),
            (
                r#"{"contents":[{"parts":[{"fileData":{"fileUri":"gs://a/b"}}]}]}"#,
                "elsewhere",
            ),
            (
                r#"{"cachedContent":"cachedContents/1","contents":[]}"#,
                "elsewhere",
            ),
            (r#"{"input":[{"image":"https://a/b"}]}"#, "picture"),
            (
                r#"{"input":"and?","previous_response_id":"resp_1"}"#,
                "elsewhere",
            ),
            (r#"{"input":"and?","previous_response_id":null}"#, ""),
            (
                r#"{"input":"and?","conversation":{"id":"conv_1"}}"#,
                "elsewhere",
            ),
            (r#"{"input":"and?","conversation":"conv_1"}"#, "elsewhere"),
            (r#"{"prompt":{"id":"pmpt_1"}}"#, "elsewhere"),
            (r#"{"prompt":"once upon"}"#, ""),
            (r#"{"input":[{"id":"msg_1"}]}"#, "elsewhere"),
            (
                r#"{"input":[{"type":"item_reference","id":"msg_1"}]}"#,
                "elsewhere",
            ),
            (
                r#"{"messages":[{"content":"\"file_id\":\"a\" https://a"}]}"#,
                "",
            ),
            (
                r#"{"messages":[{"annotations":[{"type":"url_citation","url_citation":{"url":"https://a"}}]}]}"#,
                "",
            ),
            (
                r#"{"input":[{"content":[{"annotations":[{"type":"url_citation","url":"https://a"}]}]}]}"#,
                "",
            ),
            (
                r#"{"messages":[{"content":[{"type":"web_search_result","url":"https://a"}]}]}"#,
                "",
            ),
            (
                r#"{"messages":[{"content":[{"type":"tool_use","input":{"file_id":"a","image":"https://a"}}]}]}"#,
                "",
            ),
            (
                r#"{"tools":[{"input_schema":{"properties":{"file_id":{"type":"string"},"url":{"type":"string"}},"required":["url"]}}]}"#,
                "",
            ),
            (
                r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://a/b"}},{"type":"image_url","image_url":{"url":"data:"}}]}]}"#,
                "picture picture",
            ),
            (
                r#"{"messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://a"}}]}]}"#,
                "picture",
            ),
            (
                r#"{"messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{"media_type":"image/png","data":"AA"}}]}]}]}"#,
                "picture",
            ),
            (
                r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA"}}]}]}"#,
                "picture",
            ),
            (
                r#"{"contents":[{"parts":[{"fileData":{"mimeType":"image/png","fileUri":"gs://a/b"}}]}]}"#,
                "picture elsewhere",
            ),
            (
                r#"{"contents":[{"parts":[{"file_data":{"mime_type":"video/mp4","file_uri":"gs://a/b"}}]}]}"#,
                "sound film elsewhere",
            ),
            (
                r#"{"contents":[{"parts":[{"inline_data":{"mime_type":"audio/wav","data":"AA"}}]}]}"#,
                "sound",
            ),
            (
                r#"{"messages":[{"content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}]}"#,
                "sound",
            ),
            (
                r#"{"messages":[{"content":[{"type":"video_url","video_url":{"url":"https://a/b"}}]}]}"#,
                "sound film elsewhere",
            ),
            (
                r#"{"messages":[{"role":"user","content":"see","images":["AA","BB"]}]}"#,
                "picture picture",
            ),
            (
                r#"{"messages":[{"content":[{"text":"{\"type\":\"image\"}"}]}],"tools":[{"parameters":{"type":"object","properties":{"images":{"type":"array"},"image":{"type":["string","null"]}}}}]}"#,
                "",
            ),
        ] {
            let inputs = of(request);
            let pictures = (0..inputs.pictures).map(|_| "picture");
            let others = [
                (inputs.is_heard, "sound"),
                (inputs.is_film, "film"),
                (inputs.is_elsewhere, "elsewhere"),
            ];
            let others = others.iter().filter(|(is, _)| *is).map(|(_, name)| *name);
            let told: Vec<&str> = pictures.chain(others).collect();
            assert_eq!(told.join(" "), expected, "{request}");
        }
    }

    #[test]
    fn only_the_bytes_of_pictures_are_taken_off() {
        let data = r#""AAAA""#.len();
        let picture = r#"{"type":"image","source":{"data":"AAAA"}}"#;
        let gemini = r#"{"mimeType":"image/png","data":"AAAA"}"#;
        let request =
            format!(r#"{{"content":[{picture}, {picture}, {gemini}],"images":["AAAA"]}}"#);
        assert_eq!(of(&request).picture_bytes, 4 * data);
        // What calls itself one hides nothing.
        let request = r#"{"type":"image","messages":[{"type":"image","role":"user",
            "content":[{"type":"text","text":"long"},{"type":"file","file":{"file_id":"f"}}]}]}"#;
        let inputs = of(request);
        assert_eq!((inputs.picture_bytes, inputs.is_elsewhere), (0, true));
    }

    #[test]
    fn a_member_costs_as_much_as_the_one_before_it() {
        // Each of them looked at for each other would take minutes.
        let request = format!(
            r#"{{"metadata":{{{}"url":0}}}}"#,
            r#""url":0,"#.repeat(100_000)
        );
        assert_eq!(of(&request), Inputs::default());
    }
}
