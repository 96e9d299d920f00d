use crate::neutral::StreamEvent;
use crate::sse;
use crate::stream::StreamReader;
#[derive(Default)]
pub(super) struct Reader;
impl StreamReader for Reader {
    fn read(&mut self, _event: &sse::Event<'_>, _emit: &mut dyn FnMut(StreamEvent<'_>)) {}
}
