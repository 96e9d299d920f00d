//! `tollgate apply` and `tollgate export`: the configuration in a file. `tollgate import` makes such
//! a document from another gateway's database.
//!
//! The work is done by a control plane that runs (`/api/config/…`), so that gateways hear of it at
//! once and the rules are the same for everybody; here are the file and what is printed.

mod client;
mod diff;
mod file;
mod place;

use std::io::{Read, Write};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::cli::{ApiArgs, ApplyArgs, ExportArgs};
use client::{Client, Refused};

/// What the control plane answers to an apply.
#[derive(Deserialize)]
struct Report {
    changes: Vec<Changed>,
    unchanged: usize,
}

#[derive(Deserialize)]
struct Changed {
    action: String,
    kind: String,
    name: String,
    fields: std::collections::BTreeMap<String, Sides>,
    key: Option<String>,
}

#[derive(Deserialize)]
struct Sides {
    from: Value,
    to: Value,
}

/// Prints a line for each thing that changes, and its fields below it.
///
/// # Errors
/// When the file cannot be read, or the control plane refuses it or is not there.
pub fn apply(args: &ApplyArgs) -> Result<()> {
    let text = read(args)?;
    let document = file::parse(&text, |name| std::env::var(name).ok())
        .with_context(|| args.file.display().to_string())?;
    send(&args.api, &document, args.prune, args.dry_run).map_err(|error| {
        let line = error
            .downcast_ref()
            .and_then(|Refused(message)| place::line(&text, message));
        match line {
            Some(line) => error.context(format!("{}:{line}", args.file.display())),
            None => error,
        }
    })
}

/// Has a document applied and prints what that changes.
///
/// # Errors
/// When the control plane refuses it or is not there.
pub(crate) fn send(api: &ApiArgs, document: &Value, prune: bool, dry_run: bool) -> Result<()> {
    let query = format!("prune={prune}&dry_run={dry_run}");
    let report: Report = Client::new(api)?.post(&format!("/api/config/apply?{query}"), document)?;
    let mut out = std::io::stdout().lock();
    write!(out, "{}", shown(&report, dry_run))?;
    Ok(())
}

/// Prints the configuration as YAML.
///
/// # Errors
/// When the control plane refuses or is not there.
pub fn export(args: &ExportArgs) -> Result<()> {
    let document: Value = Client::new(&args.api)?.get("/api/config/export")?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "# Keys are not part of this. A channel that is there keeps its own."
    )?;
    write!(out, "{}", file::print(&document)?)?;
    Ok(())
}

fn read(args: &ApplyArgs) -> Result<String> {
    if args.file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(&args.file).with_context(|| args.file.display().to_string())
}

fn shown(report: &Report, dry_run: bool) -> String {
    let mut text = String::new();
    for change in &report.changes {
        let sign = match change.action.as_str() {
            "create" => '+',
            "delete" => '-',
            _ => '~',
        };
        text.push_str(&format!("{sign} {} {}\n", change.kind, change.name));
        // Of what comes or goes, the fields are no news.
        let fields = change.fields.iter().filter(|_| sign == '~');
        for (name, Sides { from, to }) in fields {
            diff::lines(&mut text, name, from, to);
        }
        if let Some(key) = &change.key {
            text.push_str(&format!("    key: {key} (shown this once only)\n"));
        }
    }
    let done = if dry_run { "would change" } else { "changed" };
    text.push_str(&format!(
        "{} {done}, {} as they were\n",
        report.changes.len(),
        report.unchanged
    ));
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_a_line_for_each_change() {
        let report = json!({"dry_run": false, "unchanged": 2, "changes": [
            {"action": "create", "kind": "token", "name": "g/t", "fields": {"name": {"from": null, "to": "t"}}, "key": "sk-x"},
            {"action": "update", "kind": "option", "name": "RetryTimes", "fields": {"value": {"from": "0", "to": "2"}}},
            {"action": "delete", "kind": "group", "name": "old", "fields": {"status": {"from": 1, "to": null}}},
        ]});
        let report = serde_json::from_value(report).unwrap();
        assert_eq!(
            shown(&report, false),
            "+ token g/t\n    key: sk-x (shown this once only)\n\
             ~ option RetryTimes\n    value: \"0\" -> \"2\"\n\
             - group old\n\
             3 changed, 2 as they were\n"
        );
    }
}
