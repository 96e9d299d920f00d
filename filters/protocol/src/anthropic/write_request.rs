use crate::neutral::Request;
use crate::problem::Unsupported;
use crate::target::{Target, Written};
pub(super) fn write(_request: &Request, _target: &Target<'_>) -> Result<Written, Unsupported> {
    Err(Unsupported::new("", "not yet"))
}
