//! What came back, seen as its caller's dialect sees it.

use serde_json::Value;

use crate::dialect::Dialect;
use crate::http::{End, Event, Response};

/// A whole answer with the eyes of its caller's dialect.
#[derive(Debug)]
pub struct Answered {
    pub dialect: Dialect,
    pub response: Response,
}

impl Answered {
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status
    }

    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.response
            .header("content-type")
            .is_some_and(|t| t.starts_with("text/event-stream"))
    }

    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.response.events()
    }

    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        self.response.json()
    }

    /// What was said, streamed or not.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> String {
        if self.is_stream() {
            self.dialect.text_of_stream(&self.events())
        } else {
            self.dialect.text_of(&self.json())
        }
    }

    /// # Panics
    /// When the answer is not a whole, successful one.
    #[track_caller]
    pub fn assert_served(&self, text: &str) {
        assert_eq!(self.status(), 200, "{}", self.response.text());
        assert_eq!(self.text(), text, "{}", self.response.text());
        assert_eq!(self.response.end, End::Whole);
        if self.is_stream() {
            assert!(
                self.dialect.is_ended(&self.events()),
                "{}",
                self.response.text()
            );
        }
    }

    /// Checks status, shape and request id of an error, and gives its words.
    ///
    /// # Panics
    /// When it is no such error.
    #[track_caller]
    pub fn assert_error(&self, status: u16) -> String {
        assert_eq!(self.status(), status, "{}", self.response.text());
        let (_, message) = self.dialect.error_of(&self.json());
        assert!(!self.request_id().is_empty());
        message
    }

    /// The request id, in the header that the dialect's SDK reads.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn request_id(&self) -> String {
        let header = match self.dialect {
            Dialect::Anthropic => "request-id",
            _ => "x-request-id",
        };
        let id = self.response.header(header);
        id.unwrap_or_else(|| panic!("no {header}: {:?}", self.response.headers))
            .to_owned()
    }
}
