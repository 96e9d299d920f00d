//! Takes out of a body what must not be kept: credentials, and payloads that nobody reads.
//!
//! A body may be JSON, server-sent events, a form, or cut anywhere, so it is not parsed: words are
//! looked at one by one, and of JSON and forms only so much is understood that the whole text of a
//! member with a telling name is taken out. Prose stays as it is.

mod value;

const HIDDEN: &str = "[redacted]";

/// Words that are this long and hold nothing but base64 are payload: an image, a signature. Names
/// and ids are shorter.
const PAYLOAD_BYTES: usize = 200;
/// So much of it is shown.
const PAYLOAD_SHOWN: usize = 24;

/// What keys of the known providers, and of some others, begin with.
const KEY_PREFIXES: [&str; 15] = [
    "sk-",
    "sk_",
    "pk_",
    "rk_",
    "AIza",
    "AKIA",
    "ASIA",
    "ya29.",
    "ghp_",
    "gho_",
    "github_pat_",
    "xox",
    "glpat-",
    "gsk_",
    "hf_",
];
/// A word that begins like a key is one from this length on.
const KEY_BYTES: usize = 16;

/// What stands between this and `-----END` is a key (RFC 7468), or nobody reads it either.
const PEM_BEGIN: &str = "-----BEGIN";
const PEM_END: &str = "-----END";

/// Names of members whose text is a credential, in lower case and without `-` and `_`.
const SECRET_NAMES: [&str; 14] = [
    "apikey",
    "authorization",
    "password",
    "passwd",
    "secret",
    "clientsecret",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "xapikey",
    "xgoogapikey",
    "privatekey",
    "secretkey",
    "cookie",
];

pub(super) fn redact(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut after_scheme = false;
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = split(rest, |c| !is_word(c));
        if !word.is_empty() {
            after_scheme = write_word(word, after_scheme, &mut safe);
        }
        rest = after;
        if word.ends_with(PEM_BEGIN) {
            safe.push_str(HIDDEN);
            rest = after_pem(after);
        } else if is_telling(word)
            && let Some(next) = value::hide(after, &mut safe)
        {
            rest = next;
        }
        let (other, next) = split(rest, is_word);
        safe.push_str(other);
        rest = next;
    }
    safe
}

/// What stands before the first such letter, and the rest.
fn split(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(ends).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// As much of a word as may be kept. Whether it says that a credential follows.
fn write_word(word: &str, after_scheme: bool, safe: &mut String) -> bool {
    if is_scheme(word) {
        safe.push_str(word);
        return true;
    }
    if (after_scheme && word.len() >= KEY_BYTES / 2) || is_key(word) {
        safe.push_str(HIDDEN);
    } else if word.len() >= PAYLOAD_BYTES && is_payload(word) {
        let shown = word.get(..PAYLOAD_SHOWN).unwrap_or_default();
        safe.push_str(&format!("{shown}…[{} bytes]", word.len()));
    } else {
        safe.push_str(word);
    }
    false
}

/// Up to its last line, or to the end of the text that it stands in, which nothing in it can be
/// taken for.
fn after_pem(text: &str) -> &str {
    let (inside, _) = split(text, |c| matches!(c, '"' | '\''));
    let end = inside.find(PEM_END).unwrap_or(inside.len());
    text.get(end..).unwrap_or_default()
}

fn is_scheme(word: &str) -> bool {
    let schemes = ["bearer", "basic"];
    let is = |scheme: &&str| word.eq_ignore_ascii_case(scheme);
    schemes.iter().any(is)
}

fn is_telling(word: &str) -> bool {
    let plain: String = word
        .chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    SECRET_NAMES.contains(&plain.as_str())
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/')
}

fn is_key(word: &str) -> bool {
    let begins = KEY_PREFIXES.iter().any(|prefix| word.starts_with(prefix));
    // `eyJ` is `{"` in base64: the head of a JSON Web Token, which has three parts.
    let is_jwt = word.starts_with("eyJ") && word.split('.').count() == 3;
    (begins || is_jwt) && word.len() >= KEY_BYTES
}

fn is_payload(word: &str) -> bool {
    !word.contains('.') || word.split('.').any(|part| part.len() >= PAYLOAD_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_and_words_stay() {
        for (text, safe) in [
            ("", ""),
            (
                "Was ist ein Schlüssel? – a key",
                "Was ist ein Schlüssel? – a key",
            ),
            (
                r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#,
                r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#,
            ),
            ("use sk-abcdefghijklmnop1234 now", "use [redacted] now"),
            ("a sk-8 motorway", "a sk-8 motorway"),
            (
                r#"{"api_key":"hunter2","n":1}"#,
                r#"{"api_key":"[redacted]","n":1}"#,
            ),
            (
                r#"{"headers":{"Authorization": "Bearer abcdefgh"},"a":"b"}"#,
                r#"{"headers":{"Authorization": "Bearer [redacted]"},"a":"b"}"#,
            ),
            (
                r#"curl -H \"authorization: bearer abcdefghijkl\""#,
                r#"curl -H \"authorization: bearer [redacted]\""#,
            ),
            (
                r#"{\"password\":\"pw\",\"user\":\"me\"}"#,
                r#"{\"password\":\"[redacted]\",\"user\":\"me\"}"#,
            ),
            ("password=pw&user=me", "password=[redacted]&user=me"),
            ("the password is long", "the password is long"),
            ("eyJhbGciOi.eyJzdWIi.c2ln", "[redacted]"),
            // Whatever a password is made of.
            (
                r#"{"password":"P@ss w0rd!","n":1}"#,
                r#"{"password":"[redacted]","n":1}"#,
            ),
            (
                r#"{"password":"a \"b\" c\\","n":"d"}"#,
                r#"{"password":"[redacted]","n":"d"}"#,
            ),
            (
                r#"{"arguments":"{\"password\": \"a \\\"b\\\" c\\\\\", \"n\": 1}"}"#,
                r#"{"arguments":"{\"password\": \"[redacted]\", \"n\": 1}"}"#,
            ),
            (
                r#"{"arguments":"{\"password\":\"a b"},"n":"c"}"#,
                r#"{"arguments":"{\"password\":\"[redacted]"},"n":"c"}"#,
            ),
            (
                "{'password': 'P@ss w0rd!', 'n': 1}",
                "{'password': '[redacted]', 'n': 1}",
            ),
            (
                r#"{"password":"","user":"me"}"#,
                r#"{"password":"","user":"me"}"#,
            ),
            (
                r#"{"password": 1234, "user": "me"}"#,
                r#"{"password": [redacted], "user": "me"}"#,
            ),
            (
                r#"{"x-api-key": ["a b", "c@d"], "n": ["e"]}"#,
                r#"{"x-api-key": ["[redacted]", "[redacted]"], "n": ["e"]}"#,
            ),
            // What a tool takes is no secret.
            (
                r#"{"password":{"type":"string","minLength":8}}"#,
                r#"{"password":{"type":"string","minLength":8}}"#,
            ),
            (
                "data: {\"password\":\"P@ss w0rd!\ndata: {\"n\":1}",
                "data: {\"password\":\"[redacted]\ndata: {\"n\":1}",
            ),
            (
                "a=b&password=P@ss%20w0rd!,#\\:x&user=me",
                "a=b&password=[redacted]&user=me",
            ),
            (
                r#"curl -d \"password=p@ss\" and -H 'Cookie: a=b; c=d' too"#,
                r#"curl -d \"password=[redacted]\" and -H 'Cookie: [redacted]' too"#,
            ),
            (
                r#""set password=p@ss\nthen go on""#,
                r#""set password=[redacted]\nthen go on""#,
            ),
            ("password=[{x}&a=b", "password=[redacted]&a=b"),
            ("Password:\n\nPlease", "Password:\n\nPlease"),
            // Keys of several lines.
            (
                r#"{"private_key":"-----BEGIN PRIVATE KEY-----\nMIIE+/=\n-----END PRIVATE KEY-----\n"}"#,
                r#"{"private_key":"[redacted]"}"#,
            ),
            (
                r#"{"content":"it is\n-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\n-----END RSA PRIVATE KEY-----\nor so"}"#,
                r#"{"content":"it is\n-----BEGIN[redacted]-----END RSA PRIVATE KEY-----\nor so"}"#,
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nMIIE\nabcd",
                "-----BEGIN[redacted]",
            ),
            (
                r#"{"content":"-----BEGIN or so","n":1}"#,
                r#"{"content":"-----BEGIN[redacted]","n":1}"#,
            ),
            // Cut in the middle of it.
            (
                r#"{"client_secret":"abc"#,
                r#"{"client_secret":"[redacted]"#,
            ),
            (
                r#"{"client_secret":"a@b c\"#,
                r#"{"client_secret":"[redacted]"#,
            ),
            (r#"{"client_secret":""#, r#"{"client_secret":""#),
            (r#"{"client_secret":"#, r#"{"client_secret":"#),
            (
                r#"{"private_key":"-----BEGIN PRIVATE KEY-----\nMIIE"#,
                r#"{"private_key":"[redacted]"#,
            ),
            ("password=P@ss", "password=[redacted]"),
        ] {
            assert_eq!(redact(text), safe);
        }
    }

    #[test]
    fn payloads_are_shortened() {
        let image = "iVBORw0KGgo/".repeat(100);
        let text = format!(r#"{{"url":"data:image/png;base64,{image}=="}}"#);
        assert_eq!(
            redact(&text),
            r#"{"url":"data:image/png;base64,iVBORw0KGgo/iVBORw0KGgo/…[1200 bytes]=="}"#
        );
        let prose = "no payload at all, but long. ".repeat(100);
        assert_eq!(redact(&prose), prose);
    }
}
