//! The file: YAML, of which JSON is a part.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A document, environment variables filled in.
///
/// # Errors
/// When it is no YAML, or a variable is not set.
pub(super) fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Value> {
    let mut document: Value = serde_saphyr::from_str(text).context("not YAML")?;
    if !document.is_object() {
        bail!("the file must be a mapping with options, model_configs, channels or groups");
    }
    fill(&mut document, &variable)?;
    Ok(document)
}

/// A document as YAML.
///
/// # Errors
/// Never, for what has a JSON form.
pub(super) fn print(document: &Value) -> Result<String> {
    serde_saphyr::to_string(document).context("YAML")
}

/// Replaces texts that are nothing but `${NAME}`. Inside other texts it stays as it is: a file
/// should not mean something else because of what a variable holds.
fn fill(value: &mut Value, variable: &impl Fn(&str) -> Option<String>) -> Result<()> {
    match value {
        Value::String(text) => {
            let name = text.strip_prefix("${").and_then(|it| it.strip_suffix('}'));
            if let Some(name) = name {
                *text = variable(name)
                    .with_context(|| format!("the environment variable {name} is not set"))?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, variable)),
        Value::Object(fields) => fields
            .values_mut()
            .try_for_each(|field| fill(field, variable)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known(name: &str) -> Option<String> {
        (name == "KEY").then(|| "sk-1".to_owned())
    }

    #[test]
    fn variables_are_filled_in_where_they_stand_alone() {
        let text = "channels:\n  - {name: a, key: \"${KEY}\", note: \"x${KEY}\"}\noptions: {RetryTimes: 2}\n";
        let expected = json!({
            "channels": [{"name": "a", "key": "sk-1", "note": "x${KEY}"}],
            "options": {"RetryTimes": 2},
        });
        assert_eq!(parse(text, known).unwrap(), expected);
        let error = parse("channels: [\"${NONE}\"]", known).unwrap_err();
        assert!(
            format!("{error:#}").contains("NONE is not set"),
            "{error:#}"
        );
    }

    #[test]
    fn what_is_no_mapping_is_refused() {
        for text in ["", "- a", "1", "a: [", "a: &x [*x]"] {
            assert!(parse(text, known).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_printed_reads_back_the_same() {
        let document = json!({
            "options": {"TimeZone": "UTC", "DisableServe": "false", "RetryTimes": "007"},
            "model_configs": [{"model": "a: b", "price": {"input_price": 0.000001}}],
            "groups": [{"id": "true", "tokens": [], "note": "two\nlines", "none": null}],
        });
        assert_eq!(parse(&print(&document).unwrap(), known).unwrap(), document);
    }
}
