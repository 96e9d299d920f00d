use crate::neutral::Response;
use crate::reply::Reply;
pub(super) fn write(_response: &Response, _reply: &Reply) -> Vec<u8> {
    Vec::new()
}
