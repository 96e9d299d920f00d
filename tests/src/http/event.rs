//! Server-sent events out of the bytes of a body.

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Empty when the event has no `event:` line.
    pub name: String,
    pub data: String,
}

/// Takes the first complete event out of the buffer. Comments are no events.
pub(super) fn take_event(buffer: &mut Vec<u8>) -> Option<Event> {
    loop {
        let end = buffer.windows(2).position(|w| w == b"\n\n").map(|i| (i, 2));
        let crlf = buffer
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .map(|i| (i, 4));
        let (end, separator) = match (end, crlf) {
            (Some(lf), Some(crlf)) => {
                if lf.0 < crlf.0 {
                    lf
                } else {
                    crlf
                }
            }
            (lf, crlf) => lf.or(crlf)?,
        };
        let block: Vec<u8> = buffer.drain(..end + separator).collect();
        let mut event = Event {
            name: String::new(),
            data: String::new(),
        };
        for line in String::from_utf8_lossy(&block).lines() {
            if let Some(name) = line.strip_prefix("event:") {
                event.name = name.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data:") {
                if !event.data.is_empty() {
                    event.data.push('\n');
                }
                event.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        if event
            != (Event {
                name: String::new(),
                data: String::new(),
            })
        {
            return Some(event);
        }
    }
}
