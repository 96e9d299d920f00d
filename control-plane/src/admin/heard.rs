//! What the readers of bodies and queries ask for, overheard.
//!
//! A body is read field by field, each under its rule, so the readers know best what a request may
//! hold. While the OpenAPI document is written (see `tests/openapi.rs`), a [`Listener`] travels with
//! each request and hears them; in service nobody listens, and nothing is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Extensions;
use serde_json::{Value, json};

/// Hears the readers of one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Listener {
    pub(super) query: Heard,
    pub(super) body: Heard,
}

/// What was heard of one value: of a field, of a list's entries, of a whole body.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Option<Arc<Mutex<Part>>>);

#[derive(Debug, Default)]
#[cfg_attr(not(test), expect(dead_code, reason = "nobody listens in service"))]
pub(super) struct Part {
    pub(super) shape: Shape,
    /// Nothing is done without it.
    pub(super) required: bool,
}

#[derive(Debug, Default)]
#[cfg_attr(not(test), expect(dead_code, reason = "nobody listens in service"))]
pub(super) enum Shape {
    /// It was asked for, and by nobody who said more.
    #[default]
    Anything,
    /// A JSON Schema.
    Plain(Value),
    Fields {
        fields: BTreeMap<String, Heard>,
        /// Fields that nobody asked for are taken too.
        open: bool,
    },
    List {
        entries: Heard,
        max: usize,
    },
}

// === impl Listener ===

impl Listener {
    /// The one that travels with a request; one that hears nothing where there is none.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn new() -> Self {
        Self {
            query: Heard::new(),
            body: Heard::new(),
        }
    }
}

// === impl Heard ===

impl Heard {
    #[cfg(test)]
    fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// It is of this JSON Schema. Who says more than that it may be anything is heard first.
    pub(super) fn is(&self, schema: impl FnOnce() -> Value) {
        let Some(mut part) = self.part() else { return };
        if matches!(part.shape, Shape::Anything) {
            part.shape = Shape::Plain(schema());
        }
    }

    /// A field of an object.
    pub(super) fn field(&self, name: &str) -> Self {
        let Some(mut part) = self.part() else {
            return Self(None);
        };
        if matches!(part.shape, Shape::Anything) {
            part.shape = Shape::Fields {
                fields: BTreeMap::new(),
                open: false,
            };
        }
        match &mut part.shape {
            Shape::Fields { fields, .. } => fields
                .entry(name.to_owned())
                .or_insert_with(|| Self(Some(Arc::default())))
                .clone(),
            _ => Self(None),
        }
    }

    /// The entries of a list.
    pub(super) fn list(&self, max: usize) -> Self {
        let Some(mut part) = self.part() else {
            return Self(None);
        };
        if matches!(part.shape, Shape::Anything) {
            let entries = Self(Some(Arc::default()));
            part.shape = Shape::List { entries, max };
        }
        match &part.shape {
            Shape::List { entries, .. } => entries.clone(),
            _ => Self(None),
        }
    }

    /// An object, perhaps with fields that nobody asks for by name.
    pub(super) fn fields(&self, open: bool) {
        let Some(mut part) = self.part() else { return };
        if matches!(part.shape, Shape::Anything) {
            part.shape = Shape::Fields {
                fields: BTreeMap::new(),
                open: false,
            };
        }
        if let Shape::Fields { open: known, .. } = &mut part.shape {
            *known |= open;
        }
    }

    /// One of these texts.
    pub(super) fn one_of(&self, texts: &[&str]) {
        self.is(|| json!({ "type": "string", "enum": texts }));
    }

    pub(super) fn part(&self) -> Option<MutexGuard<'_, Part>> {
        let part = self.0.as_ref()?;
        Some(part.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
