//! The tokens of tools' definitions.

use tollgate_protocol::json::Json;
use tollgate_protocol::neutral::Tool;

use super::Counter;
use super::encoding::Encoding;

/// Schemas deeper than this are counted as text.
const DEPTH_MAX: usize = 16;

/// What OpenAI wraps around functions, which it shows to its models in another notation than JSON.
/// <https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb>
const PROPERTIES: u64 = 3;
const PROPERTY: u64 = 3;
const ENUM_SAVES: u64 = 3;
const ENUM_ITEM: u64 = 3;
const FUNCTIONS_END: u64 = 12;

/// By OpenAI's formula.
pub(super) fn typed(counter: &mut Counter, tools: &[Tool]) {
    let per_function = match counter.encoding {
        Encoding::Cl100k => 10,
        Encoding::O200k => 7,
    };
    for tool in tools {
        match tool {
            Tool::Function {
                name,
                description,
                parameters,
                ..
            } => {
                counter.tokens(per_function);
                line(counter, &[name, sentence(description.as_deref())]);
                if let Some(parameters) = parameters {
                    properties(counter, parameters.json(), 0);
                }
            }
            Tool::Custom {
                name,
                description,
                format,
                ..
            } => {
                counter.tokens(per_function);
                line(counter, &[name, sentence(description.as_deref())]);
                if let Some(format) = format {
                    counter.text(format.as_str());
                }
            }
            // One that the provider runs is none that it shows.
            Tool::Foreign { .. } => {}
        }
    }
    let shown = |tool: &Tool| !matches!(tool, Tool::Foreign { .. });
    if tools.iter().any(shown) {
        counter.tokens(FUNCTIONS_END);
    }
}

/// As the JSON that they are.
pub(super) fn plain(counter: &mut Counter, tools: &[Tool]) {
    for tool in tools {
        let (name, description, schema) = match tool {
            Tool::Function {
                name,
                description,
                parameters,
                ..
            } => (name, description, parameters),
            Tool::Custom {
                name,
                description,
                format,
                ..
            } => (name, description, format),
            Tool::Foreign { .. } => continue,
        };
        counter.text(name);
        if let Some(description) = description {
            counter.text(description);
        }
        if let Some(schema) = schema {
            counter.text(schema.as_str());
        }
    }
}

/// The properties of a schema, and of the schemas in it, which the formula leaves open.
fn properties(counter: &mut Counter, schema: Json<'_>, depth: usize) {
    if depth > DEPTH_MAX {
        return counter.text(schema.raw());
    }
    let properties = schema.get("properties").into_iter();
    let mut properties = properties.flat_map(Json::entries).peekable();
    if properties.peek().is_some() {
        counter.tokens(PROPERTIES);
    }
    for (key, property) in properties {
        let [kind, description, choices, items] =
            property.members(["type", "description", "enum", "items"]);
        counter.tokens(PROPERTY);
        if let Some(choices) = choices {
            counter.saved(ENUM_SAVES);
            for choice in choices.items() {
                counter.tokens(ENUM_ITEM);
                counter.text(&choice.as_str().unwrap_or(choice.raw().into()));
            }
        }
        let kind = kind.map(|kind| kind.as_str().unwrap_or(kind.raw().into()));
        let description = description.and_then(Json::as_str);
        line(
            counter,
            &[
                &key,
                kind.as_deref().unwrap_or_default(),
                sentence(description.as_deref()),
            ],
        );
        self::properties(counter, property, depth + 1);
        if let Some(items) = items {
            self::properties(counter, items, depth + 1);
        }
    }
}

fn line(counter: &mut Counter, parts: &[&str]) {
    counter.text(&parts.join(":"));
}

/// A description as it is shown: without its full stop.
fn sentence(description: Option<&str>) -> &str {
    let text = description.unwrap_or_default();
    text.strip_suffix('.').unwrap_or(text)
}
