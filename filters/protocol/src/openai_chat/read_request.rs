use crate::body::Body;
use crate::neutral::Request;
use crate::problem::InvalidRequest;
pub(super) fn read(_body: &Body) -> Result<Request, InvalidRequest> {
    Err(InvalidRequest::new("", "not yet"))
}
