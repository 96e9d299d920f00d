//! Functions as Chat Completions defines them, for the dialects that took the shape over.

use crate::alias::Charset;
use crate::custom;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::Tool;
use crate::problem::Losses;
use crate::schema;

/// JSON Schema of a function that takes nothing, for upstreams that demand one.
pub(crate) const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// `{"type": "function", "function": {…}}`; nothing for a tool that only its own dialect
/// knows, which is accounted for before. `inline`: the upstream follows no references.
pub(crate) fn write(
    tool: &Tool,
    names: Charset,
    inline: bool,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) {
    let (name, description, parameters) = match tool {
        Tool::Function {
            name,
            description,
            parameters,
            ..
        } => {
            let parameters = schema::parameters(parameters.as_ref(), false, losses);
            let parameters = match inline {
                true => schema::inlined(parameters, losses),
                false => parameters,
            };
            (name, description, parameters)
        }
        Tool::Custom {
            name, description, ..
        } => (name, description, custom::PARAMETERS.into()),
        Tool::Foreign { .. } => return,
    };
    extras::note(tool.extras(), "tools", losses);
    w.object(|w| {
        w.field_str("type", "function");
        w.field_object("function", |w| {
            w.field_str("name", &names.fit(name));
            if let Some(description) = description {
                w.field_text("description", description);
            }
            w.field_raw("parameters", &parameters);
        });
    });
}
