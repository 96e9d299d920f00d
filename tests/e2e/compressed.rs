//! Row A22: what callers compress is read like everything else, and bounded like everything else.

use serde_json::Value;
use tollgate_tests::http::Request;
use tollgate_tests::{Dialect, Gateway, Provider, Scene};

#[test]
fn a22_compressed_requests_are_read_and_go_on_as_they_were() {
    let gateway = Gateway::shared();
    for upstream in [Dialect::OpenAi, Dialect::Anthropic] {
        let provider = Provider::speaking(upstream).start();
        let scene = Scene::on(gateway).channel(&provider).ready();
        let body = Dialect::OpenAi.ask(&scene.model, &"a long prompt ".repeat(3_000), false);
        let plain = body.to_string().into_bytes();
        for (encoding, compressed) in [
            ("gzip", gzip(&plain)),
            ("br", brotli(&plain)),
            ("zstd", zstd(&plain)),
        ] {
            let answer = scene.send(Dialect::OpenAi, &post(&scene, encoding, compressed));
            answer.assert_served("hi");
            let sent = provider.last_call();
            assert_eq!(sent.header("content-encoding"), None, "{encoding}");
            let length = sent.body.len().to_string();
            assert_eq!(
                sent.header("content-length"),
                Some(length.as_str()),
                "{encoding}"
            );
            let said: Value = sent.json();
            assert!(
                said.to_string().contains("a long prompt a long prompt"),
                "{encoding}"
            );
            if upstream == Dialect::OpenAi {
                assert_eq!(sent.body, plain, "{encoding}: to the byte");
            }
        }
    }
}

#[test]
fn a22_what_cannot_be_decompressed_is_refused() {
    let provider = Provider::openai().start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    let plain = Dialect::OpenAi
        .ask(&scene.model, "hello", false)
        .to_string();
    // An encoding that nobody knows, and bytes that are not what they are said to be.
    for encoding in ["compress", "gzip", "br", "zstd"] {
        let request = post(&scene, encoding, plain.clone().into_bytes());
        let answer = scene.send(Dialect::OpenAi, &request);
        assert_eq!(
            answer.status(),
            400,
            "{encoding}: {}",
            answer.response.text()
        );
        let _ = Dialect::OpenAi.error_of(&answer.json());
    }
    assert_eq!(provider.calls().len(), 0);
}

fn post(scene: &Scene, encoding: &str, body: Vec<u8>) -> Request {
    let request = Request::new("POST", Dialect::OpenAi.path())
        .header("content-type", "application/json")
        .header("content-encoding", encoding)
        .body(body);
    scene.with_token(request)
}

// Each format can say that what follows is not compressed, which takes no compressor to write.

/// RFC 1952, with stored blocks (RFC 1951, 3.2.4).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("a short block");
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    out.extend((!crc).to_le_bytes());
    out.extend(u32::try_from(bytes.len()).expect("short").to_le_bytes());
    out
}

/// RFC 7932, with uncompressed meta-blocks (9.2).
fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, block) in bytes.chunks(0x1_0000).enumerate() {
        let length = u32::try_from(block.len() - 1).expect("a short block");
        // Not the last, four nibbles of length, uncompressed; before the first, one bit that says
        // how wide the window is.
        let header = length << 3 | 1 << 19;
        match number {
            0 => out.extend(&(header << 1).to_le_bytes()[..3]),
            _ => out.extend(&header.to_le_bytes()[..3]),
        }
        out.extend(block);
    }
    // The last, and empty.
    out.push(3);
    out
}

/// RFC 8878, with raw blocks (3.1.1.2).
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd];
    // One segment, whose size stands in four bytes.
    out.push(0xa0);
    out.extend(u32::try_from(bytes.len()).expect("short").to_le_bytes());
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u32::try_from(block.len()).expect("a short block");
        let header = length << 3 | u32::from(blocks.peek().is_none());
        out.extend(&header.to_le_bytes()[..3]);
        out.extend(block);
    }
    out
}
