//! Writes of the admin API: one transaction each, and then the word of it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlx::{Any, Transaction};

use super::row::Columns;
use super::sql::sql;
use super::{Change, Error, Notice, Result, Store};

/// A transaction and what it has changed so far. What it does is in the modules of the tables.
pub(super) struct Write {
    pub(super) store: Store,
    pub(super) transaction: Transaction<'static, Any>,
    pub(super) changes: Vec<Change>,
    notices: Vec<Notice>,
    /// What was done is only looked at.
    undone: bool,
    /// The database's revision as it must be, where that counts.
    expected: Option<Expected>,
}

/// It rises with the own writes.
type Expected = Arc<AtomicI64>;

tokio::task_local! {
    static EXPECTED: Expected;
}

/// Writes that are made within `work` fail with [`Error::WrittenSince`], and change nothing, if
/// anything that gateways are told was written after this revision: by this control plane or
/// another.
pub async fn unless_written_since<T>(revision: i64, work: impl Future<Output = T>) -> T {
    EXPECTED
        .scope(Arc::new(AtomicI64::new(revision)), work)
        .await
}

type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl Store {
    /// Does `work` in one transaction, commits it, and announces what it changed.
    ///
    /// All of that is a task of its own: a caller who hangs up drops the future that waits here,
    /// and a change that was committed and never announced would be in no gateway.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl for<'a> FnOnce(&'a mut Write) -> Work<'a, T> + Send + 'static,
    ) -> Result<T> {
        let store = self.clone();
        // The task does not have it.
        let expected = EXPECTED.try_with(Arc::clone).ok();
        let task = tokio::spawn(async move { store.write_whole(work, expected).await });
        task.await
            .unwrap_or(Err(Error::Unavailable(sqlx::Error::WorkerCrashed)))
    }

    async fn write_whole<T>(
        &self,
        work: impl for<'a> FnOnce(&'a mut Write) -> Work<'a, T>,
        expected: Option<Expected>,
    ) -> Result<T> {
        let mut write = Write::begin(self).await?;
        write.expected = expected;
        let done = match work(&mut write).await {
            Ok(value) => write.commit().await.map(|()| value),
            Err(error) => Err(error),
        };
        if let Err(error) = &done
            && !matches!(
                error,
                Error::NotFound(_) | Error::Conflict(_) | Error::WrittenSince
            )
        {
            // It may be committed all the same: a connection that breaks takes the answer with it.
            self.announce(Change::AllTokens);
            self.announce(Change::Topology);
        }
        done
    }
}

impl Write {
    pub(super) async fn begin(store: &Store) -> Result<Self> {
        Ok(Self {
            store: store.clone(),
            transaction: store.writer().begin().await?,
            changes: Vec::new(),
            notices: Vec::new(),
            undone: false,
            expected: None,
        })
    }

    /// To be announced after the commit.
    pub(super) fn changed(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Likewise.
    pub(super) fn noticed(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Nothing of this write will have happened.
    pub(super) fn undo(&mut self) {
        self.undone = true;
    }

    /// The database's revision, which others may raise at any moment. PostgreSQL shows what was
    /// committed until now; after an error, nothing more.
    pub(super) async fn seen_revision(&mut self) -> Result<i64> {
        let row = sql("SELECT number FROM revision")
            .fetch_one(&mut *self.transaction)
            .await?;
        row.int("number")
    }

    /// The database's revision, which no other write raises until this one ends. To be asked for
    /// last: every write locks this row after all others.
    pub(super) async fn revision(&mut self) -> Result<i64> {
        // A lock in PostgreSQL; in SQLite, writes wait in line anyway.
        let row = sql("UPDATE revision SET number = number RETURNING number")
            .fetch_one(&mut *self.transaction)
            .await?;
        row.int("number")
    }

    /// Commits, and announces. When it fails, it may be committed all the same, and nothing was
    /// announced.
    pub(super) async fn commit(mut self) -> Result<()> {
        let notices = match self.undone {
            true => Vec::new(),
            false => std::mem::take(&mut self.notices),
        };
        let store = self.store.clone();
        self.commit_changes().await?;
        for notice in notices {
            store.notice(notice);
        }
        Ok(())
    }

    async fn commit_changes(mut self) -> Result<()> {
        if self.undone {
            return Ok(self.transaction.rollback().await?);
        }
        if self.changes.is_empty() {
            return Ok(self.transaction.commit().await?);
        }
        // Last, because until the commit no other write gets past this row.
        let revision = sql("UPDATE revision SET number = number + 1 RETURNING number")
            .fetch_one(&mut *self.transaction)
            .await?
            .int("number")?;
        if let Some(expected) = &self.expected
            && expected.fetch_add(1, Ordering::Relaxed).saturating_add(1) != revision
        {
            return Err(Error::WrittenSince);
        }
        self.store.0.revisions.is_ours(revision);
        if let Err(error) = self.transaction.commit().await {
            self.store.0.revisions.is_not_ours(revision);
            return Err(error.into());
        }
        for change in self.changes {
            self.store.announce(change);
        }
        Ok(())
    }
}
