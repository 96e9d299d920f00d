//! Statements in the words of MySQL and MariaDB, which they both have. The rules are in [`super`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sqlx::any::{AnyArguments, AnyQueryResult};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{Outcome, Result, Value, Wanted};

mod words;

use words::{Token, Words};

/// A statement in MySQL's words.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    /// Runs first: what a `DELETE … RETURNING` is about to remove.
    before: Option<Form>,
    main: Form,
    /// Runs last: what an `INSERT` or `UPDATE … RETURNING` has left.
    after: Option<Form>,
    /// That a row is there already is no error.
    may_be_there: bool,
}

/// Text with `?` placeholders, and which value each of them is.
#[derive(Debug, Default, PartialEq, Eq)]
struct Form {
    text: String,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Argument {
    /// Of `$1` it is 0.
    Value(usize),
    /// The id that the `INSERT` before gave its row.
    NewId,
}

/// Plans that are kept: more than there are statements, but for those of changing length.
const KEPT: usize = 2000;

/// Whether it becomes several statements that must see the same.
pub(super) fn needs_transaction(text: &str) -> bool {
    text.contains("RETURNING")
}

pub(super) async fn run(
    connection: &mut AnyConnection,
    text: &str,
    values: Vec<Value>,
    wanted: Wanted,
) -> Result<Outcome> {
    let plan = plan(text);
    let mut rows = match &plan.before {
        Some(before) => before.run(connection, &values, 0, Wanted::Rows).await?.rows,
        None => Vec::new(),
    };
    let reads = plan.before.is_none() && plan.after.is_none() && wanted == Wanted::Rows;
    let main = match reads {
        true => Wanted::Rows,
        false => Wanted::Nothing,
    };
    let done = match plan.main.run(connection, &values, 0, main).await {
        Ok(outcome) if reads => return Ok(outcome),
        Ok(outcome) => outcome.done,
        Err(error) if plan.may_be_there && is_there(&error) => AnyQueryResult::default(),
        Err(error) => return Err(error),
    };
    if let Some(after) = &plan.after
        && done.rows_affected() > 0
        && wanted == Wanted::Rows
    {
        let id = done.last_insert_id().unwrap_or_default();
        rows = after.run(connection, &values, id, Wanted::Rows).await?.rows;
    }
    Ok(Outcome { rows, done })
}

fn is_there(error: &sqlx::Error) -> bool {
    let cause = error.as_database_error();
    cause.is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

impl Form {
    async fn run(
        &self,
        connection: &mut AnyConnection,
        values: &[Value],
        new_id: i64,
        wanted: Wanted,
    ) -> Result<Outcome> {
        let mut arguments = AnyArguments::default();
        for argument in &self.arguments {
            let value = match argument {
                Argument::NewId => Value::from(new_id),
                // A value that is missing is this program's mistake, and the database says so.
                Argument::Value(at) => match values.get(*at) {
                    Some(value) => value.clone(),
                    None => continue,
                },
            };
            value.add_to(&mut arguments)?;
        }
        let query = sqlx::query_with(AssertSqlSafe(self.text.clone()), arguments);
        super::run(connection, query, wanted).await
    }
}

fn plan(text: &str) -> Arc<Plan> {
    static PLANS: OnceLock<Mutex<HashMap<String, Arc<Plan>>>> = OnceLock::new();
    let plans = PLANS.get_or_init(Mutex::default);
    let mut plans = plans.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(plan) = plans.get(text) {
        return plan.clone();
    }
    if plans.len() >= KEPT {
        plans.clear();
    }
    let plan = Arc::new(translate(text));
    plans.insert(text.to_owned(), plan.clone());
    plan
}

/// Rows of the log that did not succeed are found by an index of their own. Where another filter finds
/// them, its index has their code.
const FAILED: (&str, &str) = ("code <> 200", "failed = 1");

/// Late pages of these lists would be sorted out of the whole table.
const IN_THEIR_ORDER: [(&str, &str); 2] = [
    (
        "FROM logs ORDER BY",
        "FROM logs FORCE INDEX FOR ORDER BY (logs_created_at) ORDER BY",
    ),
    (
        "FROM audit_logs ORDER BY",
        "FROM audit_logs FORCE INDEX FOR ORDER BY (audit_logs_created_at) ORDER BY",
    ),
];

fn translate(text: &str) -> Plan {
    let mut text = match text.contains("FROM logs") && !text.contains(" = $") {
        true => Cow::Owned(text.replace(FAILED.0, FAILED.1)),
        false => Cow::Borrowed(text),
    };
    for (ours, theirs) in IN_THEIR_ORDER {
        if text.contains(ours) {
            text = Cow::Owned(text.replace(ours, theirs));
        }
    }
    let words = Words::of(&text);
    let (body, returning) = words.cut("RETURNING");
    let (body, conflict) = body.cut("ON CONFLICT");
    let nothing = conflict.as_ref().is_some_and(|it| it.has("DO NOTHING"));
    let update = conflict.as_ref().and_then(|it| it.cut("DO UPDATE SET").1);

    let mut main = body.form();
    if let Some(update) = &update {
        main.add(" ON DUPLICATE KEY UPDATE ", update.form());
    }
    if let Some(conflict) = conflict
        .as_ref()
        .filter(|_| nothing && body.writes_several())
    {
        // One of them that is there must not keep out the others.
        let column = format!("{}.{}", body.table(), conflict.first_listed());
        main.text
            .push_str(&format!(" ON DUPLICATE KEY UPDATE {column} = {column}"));
    }
    let mut plan = Plan {
        before: None,
        main,
        after: None,
        may_be_there: nothing,
    };
    let Some(columns) = returning else {
        return plan;
    };
    let mut read = columns.form();
    read.text = format!("SELECT{} FROM {}", read.text, body.table());
    match body.first() {
        Some("DELETE") => {
            read.add_where(&body);
            read.text.push_str(" FOR UPDATE");
            plan.before = Some(read);
        }
        Some("UPDATE") => {
            read.add_where(&body);
            plan.after = Some(read);
        }
        _ => {
            match conflict.filter(|_| update.is_some()) {
                None => {
                    read.text.push_str(" WHERE id = ?");
                    read.arguments.push(Argument::NewId);
                }
                Some(conflict) => {
                    let mut and = " WHERE ";
                    for (column, value) in body.inserted(&conflict) {
                        read.add(&format!("{and}{column} = "), value.form());
                        and = " AND ";
                    }
                }
            }
            plan.after = Some(read);
        }
    }
    plan
}

impl Form {
    fn add(&mut self, text: &str, other: Self) {
        self.text.push_str(text);
        self.text.push_str(&other.text);
        self.arguments.extend(other.arguments);
    }
}

impl Form {
    fn add_where(&mut self, body: &Words<'_>) {
        if let (_, Some(condition)) = body.cut("WHERE") {
            self.add(" WHERE", condition.form());
        }
    }
}

impl Words<'_> {
    fn form(&self) -> Form {
        let mut form = Form::default();
        let mut tokens = self.0.iter().copied().peekable();
        let mut previous = "";
        while let Some(token) = tokens.next() {
            match token {
                Token::Place(number) => {
                    form.arguments.push(Argument::Value(number - 1));
                    form.text.push('?');
                }
                Token::Word("groups") => form.text.push_str("`groups`"),
                Token::Word("BIGINT") if previous == "AS" => form.text.push_str("SIGNED"),
                Token::Word("TEXT") if previous == "AS" => form.text.push_str("CHAR"),
                Token::Word("excluded") if tokens.peek() == Some(&Token::Other(".")) => {
                    tokens.next();
                    if let Some(Token::Word(column)) = tokens.next() {
                        form.text.push_str(&format!("VALUES({column})"));
                    }
                }
                Token::Word(text) | Token::Other(text) | Token::Quoted(text) => {
                    form.text.push_str(text);
                }
            }
            if let Token::Word(word) = token {
                previous = word;
            }
        }
        form
    }
}

#[cfg(test)]
mod tests;
