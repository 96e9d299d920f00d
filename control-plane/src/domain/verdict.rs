//! Whose doing it was that an attempt did not end well.

use super::Log;

/// How an attempt went for the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Good,
    Bad,
    /// It was the caller's doing, and says nothing of the channel.
    Neither,
}

impl Log {
    /// Whatever a provider answered is an error, unless a caller can bring it about.
    #[must_use]
    pub fn verdict(&self, attempt: usize) -> Verdict {
        let is_last = attempt + 1 == self.attempts.len();
        let Some(attempt) = self.attempts.get(attempt) else {
            return Verdict::Neither;
        };
        match (is_last, self.outcome.as_str(), attempt.status) {
            (true, "success", _) => Verdict::Good,
            (true, "client_gone", _) | (_, _, 400 | 413 | 422 | 451) => Verdict::Neither,
            _ => Verdict::Bad,
        }
    }
}
