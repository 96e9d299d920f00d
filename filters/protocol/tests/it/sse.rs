//! The SSE parser: rows J1 to J8.

use tollgate_protocol::sse::{Parser, TooLarge, write};

#[derive(Debug, Clone, PartialEq)]
struct Seen {
    name: String,
    data: Option<String>,
    raw: Vec<u8>,
    terminated: bool,
}

fn parse<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> Vec<Seen> {
    let mut parser = Parser::new(1 << 20);
    let mut seen = Vec::new();
    let mut take = |event: &tollgate_protocol::sse::Event<'_>| {
        seen.push(Seen {
            name: event.name.to_owned(),
            data: event.data.as_deref().map(str::to_owned),
            raw: event.raw.to_vec(),
            terminated: event.terminated,
        });
        Ok::<(), TooLarge>(())
    };
    for chunk in chunks {
        parser.push(chunk, &mut take).unwrap();
    }
    parser.finish(&mut take).unwrap();
    seen
}

/// The same events however the bytes are cut, and all bytes are accounted for.
#[track_caller]
fn check(text: &[u8], expected: &[(&str, Option<&str>)]) {
    let whole = parse([text]);
    let found: Vec<_> = whole
        .iter()
        .map(|seen| (seen.name.as_str(), seen.data.as_deref()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(
        whole
            .iter()
            .flat_map(|seen| seen.raw.clone())
            .collect::<Vec<_>>(),
        text
    );
    for at in 0..=text.len() {
        let (head, tail) = text.split_at(at);
        assert_eq!(parse([head, tail]), whole, "cut at {at}");
    }
    assert_eq!(parse(text.chunks(1)), whole);
}

#[test]
fn j1_line_endings() {
    for ending in ["\n", "\r\n", "\r"] {
        let text = "event: e\ndata: a\n\ndata:b\n\n".replace('\n', ending);
        check(text.as_bytes(), &[("e", Some("a")), ("", Some("b"))]);
    }
    check(
        b"data: a\r\n\ndata: b\n\r\n",
        &[("", Some("a")), ("", Some("b"))],
    );
}

#[test]
fn j2_utf8_and_field_names_may_be_cut() {
    check("data: é😀\n\n".as_bytes(), &[("", Some("é😀"))]);
    check(b"data: \xff\n\n", &[("", Some("\u{fffd}"))]);
}

#[test]
fn j4_lines_are_joined() {
    check(b"data: a\ndata:\ndata: b\n\n", &[("", Some("a\n\nb"))]);
}

#[test]
fn j5_comments_and_unknown_fields() {
    check(
        b": hi\n\n:\n\nid: 1\nretry: 5\nfoo: x\ndata\n\n",
        &[("", None), ("", None), ("", Some(""))],
    );
    check(b"\n\n", &[("", None), ("", None)]);
}

#[test]
fn j7_a_byte_order_mark_at_the_start_only() {
    check(
        b"\xEF\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n",
        &[("", Some("a")), ("", None)],
    );
}

#[test]
fn j8_the_rest_without_a_blank_line() {
    let seen = parse([&b"data: a\n\ndata: b"[..]]);
    assert_eq!(
        (seen[1].data.as_deref(), seen[1].terminated),
        (Some("b"), false)
    );
    assert!(parse([&b"data: a\r\r"[..]])[0].terminated);
}

#[test]
fn events_have_a_limit() {
    let mut parser = Parser::new(10);
    let mut ignore = |_: &tollgate_protocol::sse::Event<'_>| Ok::<(), TooLarge>(());
    assert!(
        parser
            .push(b"data: 12\n\ndata: 34\n\n", &mut ignore)
            .is_ok()
    );
    assert_eq!(parser.push(b"data: 123456", &mut ignore), Err(TooLarge));
    assert_eq!(
        Parser::new(10).push(b"data: 123456\n\n", &mut ignore),
        Err(TooLarge)
    );
}

#[test]
fn what_is_written_is_read() {
    let mut out = Vec::new();
    write("e", "a\nb", &mut out);
    write("", "c", &mut out);
    check(&out, &[("e", Some("a\nb")), ("", Some("c"))]);
}
