//! Counts tokens where no provider did: requests for a count whose model has no provider that counts,
//! and calls whose provider never told their usage.
//!
//! Texts are counted with OpenAI's own vocabularies, which other vendors' come near to; what is
//! wrapped around them, and what is no text, by what the vendors publish ([`prompt`], [`tools`]).
//! Nothing is ever downloaded, and no text is kept or logged. Counting takes time that grows with
//! the length of a text and with nothing else, on threads of its own, as many at once as there are
//! processors; of one request no more than [`TEXT_BYTES_MAX`] is counted, and the rest is taken for
//! a token every four bytes.

mod encoding;
mod prompt;
mod service;
mod tools;
mod usage;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tollgate_config::counting::{Call, Shortened};
use tollgate_config::meter::UsageEvent;
use tollgate_protocol::{Body, Dialect, Limits, count};

use encoding::Counter;

/// Of one request or answer this much is counted token by token.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// A body with all its pictures is no longer than this.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Counts, a few at a time. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Tokenizer(Arc<Semaphore>);

impl Default for Tokenizer {
    fn default() -> Self {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(at_once)))
    }
}

impl Tokenizer {
    /// The tokens of a request; nothing where it cannot be read.
    pub async fn count(&self, call: Call) -> Option<u64> {
        self.run(move || {
            let dialect = call.dialect.parse().ok()?;
            request(dialect, &call.model, &call.request?)
        })
        .await
    }

    /// Replaces the estimates of a usage event by counts, and drops the texts that it brought.
    pub async fn complete(&self, event: &mut UsageEvent) {
        let Some(uncounted) = event.uncounted.take() else {
            return;
        };
        let sent_model = event.attempts.last().map(|last| last.model.as_str());
        let sent_model = sent_model.filter(|model| !model.is_empty());
        let model = sent_model.unwrap_or(&event.model).to_owned();
        let dialect = event.dialect.clone();
        let usage = event.usage.unwrap_or_default();
        let counted = self.run(move || usage::complete(&uncounted, &dialect, &model, usage));
        if let Some(usage) = counted.await {
            event.usage = Some(usage);
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        count: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let permit = Arc::clone(&self.0).acquire_owned().await.ok()?;
        let counting = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            count()
        });
        match counting.await {
            Ok(counted) => counted,
            Err(error) => {
                // Without the text: it is a caller's.
                tracing::error!(is_panic = error.is_panic(), "a text could not be counted");
                None
            }
        }
    }
}

/// The tokens of a model call's request.
fn request(dialect: Dialect, model: &str, body: &Shortened) -> Option<u64> {
    let request = count::read_request(dialect, &parsed(body)?).ok()?;
    Some(prompt::tokens(&request, model).max(1))
}

fn parsed(body: &Shortened) -> Option<Body> {
    let text = body.restored(BODY_BYTES_MAX)?.into_owned();
    Body::parse(text.into_bytes(), &Limits::request(BODY_BYTES_MAX)).ok()
}

#[cfg(test)]
mod tests;
