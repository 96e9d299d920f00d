//! The program of the version before runs on the tables of this one while control planes are replaced:
//! nothing is taken away from it, and it is not stopped for long.

use super::*;

/// Versions after this one keep to all of these rules; those up to it were there before some of them.
const OLD: i64 = 150;

/// Tables with many rows, or with writes at every moment. While an index of one is made anew, who
/// needs it reads the whole table, and nobody writes.
const BUSY: [&str; 18] = [
    "ACCOUNTS",
    "ADDRESS_GROUPS",
    "AUDIT_LOGS",
    "CHANNEL_SUMMARIES",
    "CHANNELS",
    "CHARGES",
    "CONVERSATION_ITEMS",
    "CONVERSATIONS",
    "GROUP_SUMMARIES",
    "GROUPS",
    "LEASES",
    "LOG_OUTBOX",
    "LOGS",
    "POSTINGS",
    "REQUEST_DETAILS",
    "RESPONSES",
    "TOKENS",
    "TRANSACTIONS",
];

/// The statements of a version: in capitals, without comments, with one blank between words.
fn statements(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.split("--").next());
    let text = lines.collect::<Vec<_>>().join(" ").to_uppercase();
    let one_blank = |statement: &str| statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let statements = text.split(';').map(one_blank);
    statements
        .filter(|statement| !statement.is_empty())
        .collect()
}

fn word_after<'s>(statement: &'s str, words: &str) -> Option<&'s str> {
    let (_, rest) = statement.split_once(words)?;
    rest.split([' ', '(']).find(|word| !word.is_empty())
}

/// The first rule that a version breaks.
fn broken(version: i64, text: &str) -> Option<String> {
    let statements = statements(text);
    for statement in &statements {
        let takes = [
            "DROP TABLE",
            "DROP COLUMN",
            "RENAME",
            "ALTER COLUMN",
            "MODIFY",
            "CHANGE COLUMN",
        ];
        if let Some(takes) = takes.iter().find(|it| statement.contains(**it)) {
            return Some((*takes).into());
        }
        for column in statement.split("ADD COLUMN").skip(1) {
            if column.contains("NOT NULL") && !column.contains("DEFAULT") {
                return Some("a column that must be given".into());
            }
        }
    }
    if version <= OLD {
        return None;
    }
    let made: Vec<&str> = statements
        .iter()
        .filter_map(|statement| word_after(statement, "CREATE TABLE "))
        .collect();
    for statement in &statements {
        let altered = word_after(statement, "ALTER TABLE ");
        let checks = [
            "ADD CONSTRAINT",
            "ADD FOREIGN KEY",
            "ADD CHECK",
            "ADD UNIQUE",
        ];
        if altered.is_some() && checks.iter().any(|it| statement.contains(it)) {
            return Some("a rule that rows of before may break".into());
        }
        let of = word_after(statement, " ON ").unwrap_or_default();
        if statement.starts_with("CREATE UNIQUE INDEX") && !made.contains(&of) {
            return Some(format!("a rule that rows of {of} may break"));
        }
    }
    BUSY.iter().find_map(|table| {
        let altered = |statement: &str| word_after(statement, "ALTER TABLE ") == Some(table);
        let dropped = |statement: &String| {
            let index = word_after(statement, "DROP INDEX ").unwrap_or_default();
            // An index has the name of its table in front.
            let longest = BUSY
                .iter()
                .filter(|it| index.starts_with(&format!("{it}_")))
                .max_by_key(|it| it.len());
            !index.is_empty() && (altered(statement) || longest == Some(table))
        };
        let created = |statement: &String| {
            let is_index = statement.starts_with("CREATE INDEX ");
            (is_index && word_after(statement, " ON ") == Some(table))
                || (altered(statement)
                    && ["ADD INDEX", "ADD KEY"]
                        .iter()
                        .any(|it| statement.contains(it)))
        };
        let anew = statements.iter().any(dropped) && statements.iter().any(created);
        anew.then(|| format!("an index of {table} that is made anew"))
    })
}

#[test]
fn migrations_take_nothing_away() {
    let versions = |kind: Kind| -> Vec<i64> {
        let all = kind.migrations().iter();
        all.map(|migration| migration.version).collect()
    };
    for kind in [Kind::Sqlite, Kind::Postgres, Kind::Mysql] {
        assert_eq!(versions(kind), versions(Kind::Sqlite), "{kind:?}");
        for migration in kind.migrations().iter() {
            let broken = broken(migration.version, migration.sql.as_str());
            assert_eq!(broken, None, "{kind:?} {}", migration.version);
        }
    }
}

#[test]
fn what_would_take_something_away_is_found() {
    for (text, rule) in [
        ("ALTER TABLE t\n  drop column c", "DROP COLUMN"),
        (
            "ALTER TABLE t ADD COLUMN a BIGINT NOT NULL DEFAULT 0,\n ADD COLUMN b BIGINT\n NOT NULL",
            "a column that must be given",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
            "a rule that rows of before may break",
        ),
        (
            "CREATE UNIQUE INDEX t_a ON t (a)",
            "a rule that rows of T may break",
        ),
        (
            "DROP INDEX logs_a; CREATE INDEX logs_a ON logs (a)",
            "an index of LOGS that is made anew",
        ),
        (
            "ALTER TABLE logs DROP INDEX logs_a, ADD INDEX logs_a (a)",
            "an index of LOGS that is made anew",
        ),
        (
            "CREATE INDEX channel_summaries_b ON channel_summaries (b);\n-- x;\n\
             DROP INDEX channel_summaries_a",
            "an index of CHANNEL_SUMMARIES that is made anew",
        ),
    ] {
        assert_eq!(broken(OLD + 1, text).as_deref(), Some(rule), "{text}");
    }
    for text in [
        "CREATE TABLE t (a BIGINT NOT NULL); CREATE UNIQUE INDEX t_a ON t (a)",
        "CREATE INDEX logs_a ON logs (a)",
        "DROP INDEX channel_summaries_a; CREATE INDEX channels_a ON channels (a)",
        "ALTER TABLE t ADD COLUMN a BIGINT, ADD COLUMN b BIGINT NOT NULL DEFAULT 0 -- NOT NULL",
    ] {
        assert_eq!(broken(OLD + 1, text), None, "{text}");
    }
}
