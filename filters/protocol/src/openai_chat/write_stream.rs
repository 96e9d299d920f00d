use crate::error::ErrorInfo;
use crate::neutral::StreamEvent;
use crate::reply::Reply;
use crate::stream::{StreamFault, StreamWriter};
pub(super) const DONE: &[u8] = b"";
pub(super) const STOP: &[u8] = b"";
pub(super) struct Writer {
    _reply: Reply,
}
impl Writer {
    pub(super) fn new(reply: Reply) -> Self {
        Self { _reply: reply }
    }
}
impl StreamWriter for Writer {
    fn write(&mut self, _event: &StreamEvent<'_>, _out: &mut Vec<u8>) -> Result<(), StreamFault> {
        Ok(())
    }
    fn end(&mut self, _out: &mut Vec<u8>) {}
    fn fail(&mut self, _error: &ErrorInfo, _out: &mut Vec<u8>) {}
}
