//! What a provider does with a call.

use super::answer::Answer;
use super::fault::Fault;

/// What it does with the calls for one model.
#[derive(Debug, Clone)]
pub enum Script {
    Answer(Answer),
    Fault(Fault),
    /// Each call plays the next; the last one stays.
    Each(Vec<Script>),
    /// Every nth call plays the first, the others the second.
    EveryNth(usize, Box<Script>, Box<Script>),
}

impl Script {
    /// What the nth call plays, counted from 1.
    pub(super) fn turn(&self, nth: usize) -> Self {
        match self {
            Self::Each(scripts) => {
                let index = (nth - 1).min(scripts.len() - 1);
                scripts[index].turn(nth)
            }
            Self::EveryNth(n, hit, _) if nth.is_multiple_of(*n) => hit.turn(nth),
            Self::EveryNth(_, _, miss) => miss.turn(nth),
            script => script.clone(),
        }
    }
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl From<Fault> for Script {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
