//! What the comment above a handler says, for people who read the document.

use std::path::Path;

/// The first sentence, and all that follows it.
pub(super) struct Comment {
    pub(super) summary: String,
    pub(super) description: String,
}

/// The comment of a handler, by its path in the code.
pub(super) fn of(handler: &str) -> Comment {
    let mut path: Vec<&str> = handler.split("::").skip(1).collect();
    let name = path.pop().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(path.join("/"))
        .with_extension("rs");
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let place = text
        .find(&format!("async fn {name}("))
        .unwrap_or_else(|| panic!("{handler} is not in {}", file.display()));
    let before = text.get(..place).unwrap();
    let mut lines: Vec<&str> = before
        .lines()
        .rev()
        // What stands before `async fn` on its own line.
        .skip_while(|line| line.trim().is_empty() || *line == "pub(super) ")
        .take_while(|line| line.starts_with("///"))
        .map(|line| line.trim_start_matches('/').trim())
        .collect();
    lines.reverse();
    let comment = lines.join(" ");
    assert!(
        !comment.is_empty(),
        "say in a comment above {name} in {} what it does: it goes into the OpenAPI document",
        file.display()
    );
    let (summary, description) = match comment.split_once(". ") {
        Some((summary, rest)) => (summary, rest),
        None => (comment.as_str(), ""),
    };
    Comment {
        summary: summary.trim_end_matches('.').to_owned(),
        description: description.trim().to_owned(),
    }
}
