//! What a vector is for. Models of some providers give other vectors for a query than
//! for the documents that it is to find.

use crate::embeddings::Request;
use crate::problem::Losses;

/// What the vectors will be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To find documents.
    Query,
    /// To be found.
    Document,
    Classification,
    Clustering,
    /// To tell how alike two texts are.
    Similarity,
    /// To find documents that answer it.
    Question,
    /// To find documents that prove or disprove it.
    Claim,
    /// To find code.
    CodeQuery,
}

/// A shape's words. Of several words for one purpose the first is written.
pub(super) type Words = [(Purpose, &'static str)];

pub(super) fn read(words: &Words, word: &str) -> Option<Purpose> {
    let mut words = words.iter();
    words
        .find(|(_, known)| known.eq_ignore_ascii_case(word))
        .map(|(purpose, _)| *purpose)
}

/// The word for the purpose of a request, or for the nearest that there is.
pub(super) fn word(words: &Words, request: &Request, losses: &mut Losses) -> Option<&'static str> {
    let purpose = request.purpose?;
    let find = |wanted| {
        let mut words = words.iter();
        words
            .find(|(known, _)| *known == wanted)
            .map(|(_, word)| *word)
    };
    if let Some(word) = find(purpose) {
        return Some(word);
    }
    let nearest = match purpose {
        Purpose::Question | Purpose::Claim | Purpose::CodeQuery => find(Purpose::Query),
        _ => None,
    };
    let reason = match nearest {
        Some(_) => "the upstream knows only queries in general",
        None => "the upstream knows no such purpose",
    };
    losses.note(request.names().purpose, reason);
    nearest
}
