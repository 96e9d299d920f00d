//! The JSON view, against `serde_json` where the two must agree.

use serde_json::Value;
use tollgate_protocol::Body;
use tollgate_protocol::json::{Json, JsonWriter, Kind, Limits, MAX_DEPTH};

use crate::support::Dice;

const LIMITS: Limits = Limits::request(1 << 20);

#[test]
fn accepts_and_rejects_what_the_standard_does() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let most = MAX_DEPTH as usize;
    let valid = [
        "0",
        "-0",
        "1.5e+10",
        "1E5",
        "true",
        "null",
        " [ ] ",
        "{}",
        "{\"a\":[1,{\"b\":null}]}",
        "\"\\u00e9\\n\\/\"",
        "\"\\ud83d\\ude00\"",
        "\u{7f}\"\"".trim_start_matches('\u{7f}'),
        "{\"\":\"\"}",
        "[[],{}]",
        "\r\n\t1 ",
        &deep(most),
    ]
    .map(str::to_owned);
    for text in &valid {
        assert!(Json::parse(text.as_bytes(), &LIMITS).is_ok(), "{text}");
        assert!(
            serde_json::from_str::<Value>(text).is_ok() || text.len() > 200,
            "{text}"
        );
    }
    let invalid = [
        "",
        " ",
        "{",
        "}",
        "[",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "1e",
        "1e+",
        "tru",
        "nul",
        "True",
        "NaN",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "1 2",
        "[1 2]",
        "{\"a\":1 \"b\":2}",
        "[1}",
        "{\"a\":1]",
        "'a'",
        "\u{feff}1",
        "[1]]",
        "// x\n1",
        &deep(most + 1),
    ]
    .map(str::to_owned);
    for text in &invalid {
        assert!(Json::parse(text.as_bytes(), &LIMITS).is_err(), "{text}");
    }
    assert!(Json::parse(b"\"\xff\"", &LIMITS).is_err());
    assert!(
        Json::parse(b"\"\xed\xa0\x80\"", &LIMITS).is_err(),
        "a surrogate in UTF-8"
    );
}

#[test]
fn limits_hold() {
    let small = Limits {
        max_bytes: 10,
        max_depth: 2,
        max_number_chars: 3,
        ..LIMITS
    };
    for (text, reason) in [
        ("[1,2,3,4,5,6]", "is too long"),
        ("[[[]]]", "is nested too deeply"),
        ("[1234]", "holds a number that is too long"),
    ] {
        assert_eq!(
            Json::parse(text.as_bytes(), &small).unwrap_err().reason,
            reason
        );
    }
    assert!(Json::parse(b"[[123]]", &small).is_ok());
}

#[test]
fn lone_surrogates_pass_only_in_answers() {
    for (text, decoded) in [
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""a\ude00b""#, "a\u{fffd}b"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
    ] {
        assert!(Json::parse(text.as_bytes(), &LIMITS).is_err());
        let json = Json::parse(text.as_bytes(), &Limits::response()).unwrap();
        assert_eq!(json.as_str().unwrap(), decoded);
    }
}

#[test]
fn walks_without_a_tree() {
    let text =
        r#" { "a" : [ 1 , "x]}\"" , {"b":{}} , [] ] , "n\u0061me":"v", "d":1, "d":2, "z":null } "#;
    let json = Json::parse(text.as_bytes(), &LIMITS).unwrap();
    let items: Vec<_> = json.get("a").unwrap().items().map(Json::raw).collect();
    assert_eq!(items, ["1", r#""x]}\"""#, r#"{"b":{}}"#, "[]"]);
    let keys: Vec<_> = json.entries().map(|(key, _)| key.into_owned()).collect();
    assert_eq!(keys, ["a", "name", "d", "d", "z"]);
    assert_eq!(json.get("name").unwrap().as_str().unwrap(), "v");
    assert_eq!(
        json.get("d").unwrap().as_u64(),
        Some(2),
        "the last one counts"
    );
    assert!(json.get("z").unwrap().is_null() && json.get("z").unwrap().non_null().is_none());
    assert!(json.get("y").is_none() && json.get("a").unwrap().get("b").is_none());
    assert_eq!(json.kind(), Kind::Object);
}

#[test]
fn counts() {
    let cases = [
        ("0", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("1e3", Some(1000)),
        ("12.0", Some(12)),
        ("-1", None),
        ("1.5", None),
        ("1e400", None),
        ("\"1\"", None),
        ("true", None),
        ("-0", Some(0)),
    ];
    for (text, expected) in cases {
        assert_eq!(
            Json::parse(text.as_bytes(), &LIMITS).unwrap().as_u64(),
            expected,
            "{text}"
        );
    }
}

#[test]
fn strings_round_trip() {
    for text in [
        "",
        "a",
        "\"\\\u{0}\u{1f}\n\r\t\u{7f}é😀/",
        "\u{2028}",
        &"x\n".repeat(1000),
    ] {
        let mut out = Vec::new();
        JsonWriter::new(&mut out).string(text);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        assert_eq!(Json::parse(&out, &LIMITS).unwrap().as_str().unwrap(), text);
    }
}

#[test]
fn the_writer_puts_commas_where_they_belong() {
    let mut out = Vec::new();
    JsonWriter::new(&mut out).object(|w| {
        w.field_array("a", |w| {
            w.number(1);
            w.object(|_| {});
            w.array(|w| w.strings(&["x", "\n", "y"]));
        });
        w.field_null("b");
        w.field_bool("c", true);
        w.field_raw("d", "1.0");
        w.field_object("e", |w| w.field_str("f", "g"));
    });
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"a":[1,{},["x\ny"]],"b":null,"c":true,"d":1.0,"e":{"f":"g"}}"#
    );
}

/// Strings are read in blocks of 64 bytes: whatever stands at their borders, a byte
/// earlier or later changes nothing.
#[test]
fn strings_read_alike_wherever_blocks_begin() {
    let pieces = [
        "\\n",
        "\\\\",
        "\\\\\\\\",
        "\\\\\\\"",
        "\\\"",
        "\\/",
        "\\b",
        "\\u00e9",
        "\\ud83d\\ude00",
        "é",
        "x",
    ];
    for start in (0..6).chain(58..70) {
        for (index, first) in pieces.iter().enumerate() {
            for second in &pieces {
                let pad = "p".repeat(start);
                let inside = format!("{pad}{first}{second}{}", pieces[index].repeat(40));
                let text = format!("[\"{inside}\",\"{second}\",1]");
                let json = Json::parse(text.as_bytes(), &LIMITS).unwrap();
                let expected: Value = serde_json::from_str(&text).unwrap();
                let strings: Vec<_> = json.items().filter_map(Json::as_str).collect();
                assert_eq!(
                    strings,
                    [expected[0].as_str().unwrap(), expected[1].as_str().unwrap()]
                );
                for broken in ["\\x", "\\", "\n", "\u{1f}", "\\u12"] {
                    let text = format!("[\"{pad}{first}{broken}\",1]");
                    assert!(Json::parse(text.as_bytes(), &LIMITS).is_err(), "{text}");
                    let cut = format!("[\"{pad}{first}{broken}");
                    assert!(Json::parse(cut.as_bytes(), &LIMITS).is_err(), "{cut}");
                }
            }
        }
    }
}

/// A body steps over its large values by their marks; a plain text has none.
#[test]
fn marks_change_nothing_that_is_read() {
    let mut dice = Dice::new();
    for _ in 0..150 {
        let mut text = String::new();
        random_value(&mut dice, 0, true, &mut text);
        let body = Body::parse(text.clone().into_bytes(), &LIMITS).unwrap();
        let plain = Json::parse(text.as_bytes(), &LIMITS).unwrap();
        assert_same(body.json(), plain);
        assert_same(body.clone().json(), plain);
    }
}

fn assert_same(marked: Json<'_>, plain: Json<'_>) {
    assert_eq!(marked.raw(), plain.raw());
    assert_eq!(marked.items().count(), plain.items().count());
    for (marked, plain) in marked.items().zip(plain.items()) {
        assert_same(marked, plain);
    }
    assert_eq!(marked.entries().count(), plain.entries().count());
    for (marked_entry, plain_entry) in marked.entries().zip(plain.entries()) {
        assert_eq!(marked_entry.0, plain_entry.0);
        assert_same(marked_entry.1, plain_entry.1);
        let key = &*plain_entry.0;
        let raw = |json: Option<Json<'_>>| json.map(|json| json.raw().to_owned());
        assert_eq!(raw(marked.get(key)), raw(plain.get(key)));
        let [absent, there] = marked.members(["absent", key]);
        assert_eq!([None, raw(plain.get(key))], [raw(absent), raw(there)]);
    }
}

/// Long and short, deep and flat, with everything in strings that could lead a walk astray.
fn random_value(dice: &mut Dice, depth: usize, object: bool, out: &mut String) {
    let space = |dice: &mut Dice| ["", "", " ", "\n\t"][dice.roll(4)];
    match dice.roll(if depth > 6 || out.len() > 30_000 {
        4
    } else {
        8
    }) {
        0 if !object => out.push_str(["null", "true", "-1.5e3", "0"][dice.roll(4)]),
        1..=3 if !object => random_string(dice, out),
        kind => {
            let object = object || kind % 2 == 0;
            out.push(if object { '{' } else { '[' });
            for index in 0..pick(dice, [3, 3, 40]) {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(space(dice));
                if object {
                    random_string(dice, out);
                    out.push_str(space(dice));
                    out.push(':');
                }
                out.push_str(space(dice));
                let depth = depth + 1 + dice.roll(4);
                random_value(dice, depth, false, out);
                out.push_str(space(dice));
            }
            out.push(if object { '}' } else { ']' });
        }
    }
}

fn random_string(dice: &mut Dice, out: &mut String) {
    let pieces = [
        "a", "é", "\\\"", "\\\\", "\\n", "{", "}", "[", "]", ",", ":", "\\u00e9",
    ];
    out.push('"');
    let kinds = 1 + dice.roll(pieces.len());
    for _ in 0..pick(dice, [4, 60, 140, 400]) {
        out.push_str(pieces[dice.roll(kinds)]);
    }
    out.push('"');
}

/// Less than one of the bounds.
fn pick<const N: usize>(dice: &mut Dice, bounds: [usize; N]) -> usize {
    let bound = bounds[dice.roll(N)];
    dice.roll(bound)
}
