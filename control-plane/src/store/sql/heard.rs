//! Statements as they came, for tests that ask the database for its plans: of what is really asked, not
//! of a copy that may differ from it one day.

use std::cell::RefCell;

use super::Statement;

tokio::task_local! {
    static HEARD: RefCell<Vec<Statement>>;
}

/// What is asked of the database within `work`; tasks of their own are not heard.
pub(in crate::store) async fn heard(work: impl Future<Output = ()>) -> Vec<Statement> {
    let listening = async {
        work.await;
        HEARD.with(RefCell::take)
    };
    HEARD.scope(RefCell::default(), listening).await
}

pub(super) fn note(statement: &Statement) {
    // Where nobody listens, there is nothing to write to.
    let _ = HEARD.try_with(|heard| heard.borrow_mut().push(statement.clone()));
}

impl Statement {
    pub(in crate::store) fn text(&self) -> &str {
        &self.text
    }

    /// The statement with something in front of it.
    pub(in crate::store) fn explained(mut self, front: &str) -> Self {
        self.text = format!("{front}{}", self.text).into();
        self
    }
}
