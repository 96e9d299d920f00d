//! Members that several resources have in common: states, sets.

use super::Fields;
use crate::admin::{ApiError, rules};
use crate::domain::{DEFAULT_SET, Status};

impl Fields {
    /// `status` of a body that is about nothing else.
    pub(in crate::admin) fn required_status(&mut self) -> Result<Status, ApiError> {
        self.status()?
            .ok_or_else(|| ApiError::field("status", "is required: 1 enabled, 2 disabled"))
    }

    /// `status`; 0 counts as absent.
    pub(in crate::admin) fn status(&mut self) -> Result<Option<Status>, ApiError> {
        let number = self.int("status", 0, 2)?;
        Ok(number.and_then(Status::from_number))
    }

    /// A list of sets; an empty one is the default set.
    pub(in crate::admin) fn sets(&mut self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let sets = self.names(name, rules::MAX_SET)?;
        Ok(sets.map(|sets| {
            if sets.is_empty() {
                vec![DEFAULT_SET.to_owned()]
            } else {
                sets
            }
        }))
    }
}
