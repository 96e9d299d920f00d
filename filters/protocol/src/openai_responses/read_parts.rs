//! The parts of a message's `content`, or of a tool's `output`, as blocks.

use crate::dialect::Dialect;
use crate::json::{Json, Kind};
use crate::media;
use crate::neutral::{Block, CacheMark, Content, Document, Image, Media, Source};
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::text::Text;

type Result<T> = std::result::Result<T, InvalidRequest>;

/// A string, or an array of parts.
pub(super) fn content(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Vec<Block>> {
    if json.kind() == Kind::String {
        return Ok(vec![Block::text(read.text(json, at)?)]);
    }
    read::array(json, at)?
        .enumerate()
        .map(|(index, json)| part(read, json, &at.index(index)))
        .collect()
}

fn part(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Block> {
    let kind = read.text_of(read::object(json, at)?, "type", at)?;
    let (content, known): (Option<Content>, &[&str]) = match kind.as_str() {
        "input_text" | "output_text" | "text" => (
            Some(Content::Text(read.text_of(json, "text", at)?)),
            &["text"],
        ),
        "refusal" => (
            Some(Content::Refusal(read.text_of(json, "refusal", at)?)),
            &["refusal"],
        ),
        "input_image" => (image(read, json, at)?, &["image_url", "file_id"]),
        "input_file" => (
            file(read, json, at)?,
            &["file_data", "file_url", "file_id", "filename"],
        ),
        "input_audio" => (audio(json, read, at)?, &["input_audio"]),
        _ => (None, &[]),
    };
    let Some(content) = content else {
        return Ok(foreign(read, json, kind));
    };
    let mut block = Block::new(content);
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        match &*key {
            "type" => {}
            key if known.contains(&key) => {}
            "prompt_cache_breakpoint" => {
                block.cache = Some(CacheMark::Default);
                block.extras.push(read.mirrored(&key, value));
            }
            // Nothing stands in them, nothing is lost with them.
            "annotations" | "logprobs" if value.items().next().is_none() => {
                block.extras.push(read.mirrored(&key, value));
            }
            _ => block.extras.push(read.extra(&key, value)),
        }
    }
    Ok(block)
}

fn image(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Option<Content>> {
    let url = read.optional_text(json, "image_url", at)?;
    let source = match (url, read.optional_text(json, "file_id", at)?) {
        (Some(url), _) if media::is_data_uri(&url) => {
            media::from_data_uri(&url).ok_or_else(|| {
                let field = at.key("image_url").to_string();
                InvalidRequest::must_be(field, "a URL or a valid base64 data URI")
            })?
        }
        (Some(url), _) => Source::Url(url),
        (None, Some(id)) => Source::File { id },
        (None, None) => return Err(read::missing(&at.key("image_url"))),
    };
    Ok(Some(Content::Image(Image { source })))
}

/// Nothing for data that is no data URI.
fn file(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Option<Content>> {
    let text = |key| read.optional_text(json, key, at);
    let source = match (text("file_data")?, text("file_url")?, text("file_id")?) {
        (Some(data), _, _) => match media::from_data_uri(&data) {
            Some(source) => source,
            None => return Ok(None),
        },
        (None, Some(url), _) => Source::Url(url),
        (None, None, Some(id)) => Source::File { id },
        (None, None, None) => return Err(read::missing(&at.key("file_data"))),
    };
    let name = text("filename")?;
    Ok(Some(Content::Document(Document { source, name })))
}

fn audio(json: Json<'_>, read: Read<'_>, at: &Path<'_>) -> Result<Option<Content>> {
    let at = at.key("input_audio");
    let inner = json.get("input_audio").ok_or_else(|| read::missing(&at))?;
    let media_type = match read.text_of(inner, "format", &at)?.as_str() {
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        _ => return Ok(None),
    };
    let source = Source::Base64 {
        media_type: Text::from_static(media_type),
        data: read.text_of(inner, "data", &at)?,
    };
    Ok(Some(Content::Audio(Media { source })))
}

/// What only this dialect knows, be it a part or an item: kept as it is.
pub(super) fn foreign(read: Read<'_>, json: Json<'_>, kind: Text) -> Block {
    Block::new(Content::Foreign {
        dialect: Dialect::OpenaiResponses,
        kind,
        raw: read.raw(json),
    })
}
