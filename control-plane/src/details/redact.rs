//! Takes out of a body what must not be kept: credentials, and payloads that nobody reads.
//!
//! A body may be JSON, server-sent events, a form, or cut anywhere, so it is not parsed: words are
//! looked at one by one, and of JSON only so much is understood that the text of a member with a
//! telling name is taken out. Prose stays as it is.

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
    let mut before = Before::default();
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(word).unwrap_or((rest, ""));
        if !word.is_empty() {
            before.word(word, after, &mut safe);
        }
        let other = after.find(is_word).unwrap_or(after.len());
        let (other, next) = after.split_at_checked(other).unwrap_or((after, ""));
        safe.push_str(other);
        before.between(other);
        rest = next;
    }
    safe
}

/// What the words so far say of the next one.
#[derive(Default)]
struct Before {
    /// The last word was a telling name.
    is_named: bool,
    /// It names what follows: `":"` or `=` came after it.
    is_secret: bool,
    /// It was `Bearer` or `Basic`.
    after_scheme: bool,
}

impl Before {
    fn word(&mut self, word: &str, after: &str, safe: &mut String) {
        let (is_secret, after_scheme) = (self.is_secret, self.after_scheme);
        let scheme = ["bearer", "basic"];
        let is_scheme = scheme
            .iter()
            .any(|scheme| word.eq_ignore_ascii_case(scheme));
        let plain: String = word
            .chars()
            .filter(|c| !matches!(c, '-' | '_'))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        self.is_named = SECRET_NAMES.contains(&plain.as_str()) && is_a_name(after);
        self.after_scheme = is_scheme;
        self.is_secret = is_secret && is_scheme;
        if is_scheme {
            safe.push_str(word);
        } else if is_secret || (after_scheme && word.len() >= KEY_BYTES / 2) || is_key(word) {
            safe.push_str(HIDDEN);
        } else if word.len() >= PAYLOAD_BYTES && is_payload(word) {
            let shown = word.get(..PAYLOAD_SHOWN).unwrap_or_default();
            safe.push_str(&format!("{shown}…[{} bytes]", word.len()));
        } else {
            safe.push_str(word);
        }
    }

    fn between(&mut self, other: &str) {
        if std::mem::take(&mut self.is_named) {
            self.is_secret = true;
        } else if !other.chars().all(|c| c == ' ') {
            // A new member begins.
            self.is_secret = false;
        }
    }
}

/// Whether a value follows: `": "…`, or `=`.
fn is_a_name(after: &str) -> bool {
    let after = after.trim_start_matches(['\\', '"', '\'']).trim_start();
    after.starts_with(':') || after.starts_with('=')
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
            // Cut in the middle of it.
            (
                r#"{"client_secret":"abc"#,
                r#"{"client_secret":"[redacted]"#,
            ),
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
