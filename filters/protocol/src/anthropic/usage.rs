use crate::json::Json;
use crate::neutral::Usage;
pub(super) fn of_answer(_answer: Json<'_>) -> Option<Usage> {
    None
}
