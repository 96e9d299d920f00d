//! What can be wrong with a request, and what a translation had to leave out.

use std::borrow::Cow;
use std::fmt;

use crate::error::{ErrorInfo, ErrorKind};

/// The caller's body breaks its own dialect: answered with 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest {
    /// Path of the field, as `messages[2].content`; empty for the whole body.
    pub field: String,
    /// A sentence for the caller.
    pub message: Cow<'static, str>,
}

/// The request is sound, but the dialect of this upstream cannot express it
/// without changing its meaning: answered with 400 before any upstream is called,
/// unless another channel can serve it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Path of the field in the caller's body.
    pub field: String,
    /// A sentence for the caller.
    pub message: Cow<'static, str>,
}

/// Something a translation dropped or weakened. Losses go to logs and to the
/// playground; they never fail a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Path of the field in the caller's body.
    pub field: String,
    /// Why, as a clause: "Anthropic has no such parameter".
    pub reason: Cow<'static, str>,
}

// === impl InvalidRequest ===

impl InvalidRequest {
    pub fn new(field: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }

    /// "`field` must be …".
    pub(crate) fn must_be(field: impl Into<String>, what: &str) -> Self {
        let field = field.into();
        let message = format!("'{field}' must be {what}.");
        Self::new(field, message)
    }
}

impl From<InvalidRequest> for ErrorInfo {
    fn from(invalid: InvalidRequest) -> Self {
        let error = ErrorInfo::new(ErrorKind::InvalidRequest, invalid.message);
        error.with_param(invalid.field)
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for InvalidRequest {}

// === impl Unsupported ===

impl Unsupported {
    pub fn new(field: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl From<Unsupported> for ErrorInfo {
    fn from(unsupported: Unsupported) -> Self {
        let error = ErrorInfo::new(ErrorKind::InvalidRequest, unsupported.message);
        error
            .with_param(unsupported.field)
            .with_code("unsupported_parameter")
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Unsupported {}

// === impl Loss ===

impl Loss {
    pub fn new(field: impl Into<String>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

/// The losses of one translation. A field that is lost many times is noted once.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<Loss>);

impl Losses {
    pub(crate) fn note(&mut self, field: impl Into<String>, reason: impl Into<Cow<'static, str>>) {
        let field = field.into();
        if !self.0.iter().any(|loss| loss.field == field) {
            self.0.push(Loss::new(field, reason));
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Loss> {
        self.0
    }
}
