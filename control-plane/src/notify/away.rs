//! The one alert that cannot wait in the database: that the database is away. It goes straight to
//! the webhooks, once, and so does the word that the database is back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::sinks::Sinks;
use crate::domain::{Alert, Delivery, Level, now_unix_ms};
use crate::store::Store;

/// As long as AI Proxy waits: shorter absences are a restart.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_secs(5);

const NOTE: &str = "Tollgate";

/// Looks whether the database answers.
pub(super) struct Watch {
    store: Store,
    sinks: Arc<Sinks>,
    patience: Duration,
}

/// Since when it has not answered, and whether that was told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Absence {
    since: Option<Instant>,
    told: bool,
}

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Away,
    Back,
}

impl Watch {
    pub(super) fn new(store: Store, sinks: Arc<Sinks>) -> Self {
        Self {
            store,
            sinks,
            patience: PATIENCE,
        }
    }

    /// For as long as the program runs.
    pub(super) async fn run(self) {
        if self.sinks.is_empty() {
            return std::future::pending().await;
        }
        let mut absence = Absence::default();
        loop {
            let answers = matches!(timeout(LOOK, self.store.revision()).await, Ok(Ok(_)));
            if let Some(news) = absence.seen(answers, Instant::now(), self.patience) {
                self.tell(&news).await;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Tried once for each news: who does not hear of it here reads it in the program's log.
    async fn tell(&self, news: &News) {
        let alert = alert(news);
        match news {
            News::Away => tracing::error!("the database is away; calls go on, their usage waits"),
            News::Back => tracing::info!("the database is back"),
        }
        let (feishu, webhook) = self.sinks.wanted();
        if feishu == Delivery::Waiting
            && let Err(error) = self.sinks.to_feishu(&alert, NOTE).await
        {
            tracing::warn!(way = "feishu", %error, "an alert is not delivered");
        }
        if webhook == Delivery::Waiting
            && let Err(error) = self.sinks.to_webhook(&alert, NOTE).await
        {
            tracing::warn!(way = "webhook", %error, "an alert is not delivered");
        }
    }
}

impl Absence {
    fn seen(&mut self, answers: bool, now: Instant, patience: Duration) -> Option<News> {
        if answers {
            let told = std::mem::take(self).told;
            return told.then_some(News::Back);
        }
        let since = *self.since.get_or_insert(now);
        if self.told || now.duration_since(since) < patience {
            return None;
        }
        self.told = true;
        Some(News::Away)
    }
}

/// Its id is 0: the history, where alerts get theirs, is what is away.
fn alert(news: &News) -> Alert {
    let (level, kind, title, text) = match news {
        News::Away => (
            Level::Error,
            "database_away",
            "The database is away",
            "This control plane has not reached its database for two minutes. Calls go on, and \
             their usage is booked when it is back; the admin API answers 503.",
        ),
        News::Back => (
            Level::Info,
            "database_back",
            "The database is back",
            "This control plane reaches its database again.",
        ),
    };
    Alert {
        id: 0,
        created_at_ms: now_unix_ms(),
        level,
        kind: kind.into(),
        subject: String::new(),
        title: title.into(),
        text: text.into(),
        feishu: Delivery::NotWanted,
        webhook: Delivery::NotWanted,
        tries: 0,
        next_try_at_ms: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::webhook;
    use super::*;
    use crate::store::testing::with_store;

    #[test]
    fn an_absence_is_told_once_and_so_is_its_end() {
        let begin = Instant::now();
        let mut absence = Absence::default();
        for (second, answers, expected) in [
            (0, true, None),
            (5, false, None),
            (124, false, None),
            (125, false, Some(News::Away)),
            (130, false, None),
            (135, true, Some(News::Back)),
            (140, true, None),
            // Shorter than the patience: nothing was told, nothing is taken back.
            (145, false, None),
            (150, true, None),
            (155, false, None),
        ] {
            let now = begin + Duration::from_secs(second);
            assert_eq!(absence.seen(answers, now, PATIENCE), expected, "{second}");
        }
    }

    #[tokio::test]
    async fn who_has_a_webhook_hears_of_a_database_that_is_closed() {
        with_store(async |store| {
            let (sinks, mut heard) = webhook(&[(200, r#"{"code":0}"#)]).await;
            let watch = Watch {
                store: store.clone(),
                sinks: Arc::new(sinks),
                patience: Duration::ZERO,
            };
            store.close().await;
            let watch = tokio::spawn(watch.run());
            for _ in 0..2 {
                let (path, body) = heard.recv().await.unwrap();
                match path {
                    "json" => assert_eq!(body["kind"], "database_away"),
                    _ => assert_eq!(body["card"]["header"]["template"], "red"),
                }
            }
            watch.abort();
        })
        .await;
    }
}
