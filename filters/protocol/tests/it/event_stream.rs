//! Writes AWS event streams, for the tests of what reads them.

/// One message with these string headers.
pub(crate) fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut section = Vec::new();
    for (name, value) in headers {
        section.push(u8::try_from(name.len()).unwrap());
        section.extend(name.bytes());
        section.push(7);
        section.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        section.extend(value.bytes());
    }
    let total = u32::try_from(16 + section.len() + payload.len()).unwrap();
    let mut message = total.to_be_bytes().to_vec();
    message.extend(u32::try_from(section.len()).unwrap().to_be_bytes());
    message.extend(crc32(&message).to_be_bytes());
    message.extend(section);
    message.extend(payload);
    message.extend(crc32(&message).to_be_bytes());
    message
}

pub(crate) fn event(name: &str, payload: &serde_json::Value) -> Vec<u8> {
    let headers = [
        (":event-type", name),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    message(&headers, payload.to_string().as_bytes())
}

pub(crate) fn exception(name: &str, payload: &serde_json::Value) -> Vec<u8> {
    let headers = [(":exception-type", name), (":message-type", "exception")];
    message(&headers, payload.to_string().as_bytes())
}

/// Bit by bit, so that it shares nothing with what it tests.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}
