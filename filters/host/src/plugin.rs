//! What a filter is to its host: a root per configuration, a stream per request.

use crate::Flow;

/// One plugin configuration on one thread.
///
/// Envoy makes a new one when the configuration changes; streams that the old one began keep it.
pub trait Root {
    /// Takes the plugin configuration; `false` refuses it, and Envoy keeps the last good one.
    fn configure(&mut self) -> bool;

    /// The interval that was asked for has passed.
    fn tick(&mut self) {}

    /// A queue that this plugin registered has records.
    fn queue_ready(&mut self) {}

    /// `size` bytes came on a gRPC stream that this plugin opened.
    fn message(&mut self, _stream: u32, _size: usize) {}

    /// A gRPC stream has ended, or could not be opened.
    fn closed(&mut self, _stream: u32) {}

    /// A request begins (or an attempt, for a filter before an upstream).
    fn begin(&self) -> Box<dyn Stream>;
}

/// One request, or one attempt. `size` is always all that is buffered so far, `end` whether there is
/// nothing after it.
pub trait Stream {
    fn request_headers(&mut self, end: bool) -> Flow;
    fn request_body(&mut self, size: usize, end: bool) -> Flow;

    fn request_trailers(&mut self) -> Flow {
        Flow::Continue
    }

    fn response_headers(&mut self, end: bool) -> Flow;
    fn response_body(&mut self, size: usize, end: bool) -> Flow;

    fn response_trailers(&mut self) -> Flow {
        Flow::Continue
    }

    /// A gRPC call that this request made has ended, with a message or without one.
    fn call_ended(&mut self, _call: u32, _message: Option<Vec<u8>>) {}

    /// The request is over, however it ended. Never called for attempts.
    fn log(&mut self) {}
}
