use crate::body::Body;
use crate::neutral::Response;
pub(super) fn read(_body: &Body) -> Response {
    Response::default()
}
