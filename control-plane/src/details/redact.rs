//! Takes out of a body what must not be kept: credentials, and payloads that nobody reads.
//!
//! A body may be JSON, server-sent events, a form, or cut anywhere, so it is not parsed: words are
//! looked at one by one, and of JSON and forms only so much is understood that the whole text of a
//! member with a telling name is taken out. Prose stays as it is.

mod pem;
mod value;

use value::Only;

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

/// What names of credentials end with, in lower case and without `-` and `_`: what stands before it
/// says whose it is.
const SECRET_ENDS: [&str; 12] = [
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "authorization",
    "password",
    "passwd",
    "secret",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "cookie",
];
/// With what may stand between its letters.
const LONGEST_END: usize = 2 * "authorization".len();
/// Some token or other: numbers of that name are usage.
const TOKEN: &str = "token";

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
        if word.ends_with(pem::BEGIN) {
            safe.push_str(HIDDEN);
            rest = pem::after(after);
        } else if let Some(only) = told(word)
            && let Some(next) = value::hide(after, only, &mut safe)
        {
            let hidden = after.get(..after.len().saturating_sub(next.len()));
            rest = pem::after_hidden(hidden.unwrap_or_default(), next);
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

fn is_scheme(word: &str) -> bool {
    let schemes = ["bearer", "basic"];
    let is = |scheme: &&str| word.eq_ignore_ascii_case(scheme);
    schemes.iter().any(is)
}

/// What of a value this word says to be a credential, if it names one.
fn told(word: &str) -> Option<Only> {
    // The end of one that is long: of a body without blanks each word is looked at.
    let start = word.len().saturating_sub(LONGEST_END);
    let plain: String = word
        .get(start..)?
        .chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if SECRET_ENDS.iter().any(|end| plain.ends_with(end)) {
        return Some(Only::Anything);
    }
    is_some_token(word).then_some(Only::Texts)
}

/// As `session_token` and `SessionToken` are; `token` alone is what models say.
fn is_some_token(word: &str) -> bool {
    let at = word.len().saturating_sub(TOKEN.len());
    let (Some(whose), Some(token)) = (word.get(..at), word.get(at..)) else {
        return false;
    };
    let is_apart = whose.ends_with(['-', '_', '.']) || token.starts_with('T');
    token.eq_ignore_ascii_case(TOKEN) && !whose.is_empty() && is_apart
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
            // Whosever it is; usage is not, nor what a tool takes, nor what a model says.
            (
                r#"{"aws_secret_access_key": "a/b+c", "SecretAccessKey": "d", "openai_api_key": "e f"}"#,
                r#"{"aws_secret_access_key": "[redacted]", "SecretAccessKey": "[redacted]", "openai_api_key": "[redacted]"}"#,
            ),
            (
                r#"{"db_password":"p w","session_token":"s t","SessionToken":"u","X-Auth-Token":"v"}"#,
                r#"{"db_password":"[redacted]","session_token":"[redacted]","SessionToken":"[redacted]","X-Auth-Token":"[redacted]"}"#,
            ),
            (
                "Set-Cookie: a=b; c=d\nProxy-Authorization: Basic abcd\nx-amz-security-token: 1x\n",
                "Set-Cookie: [redacted]\nProxy-Authorization: Basic [redacted]\nx-amz-security-token: [redacted]\n",
            ),
            (
                "a=b&auth_token=123&max_tokens=5",
                "a=b&auth_token=[redacted]&max_tokens=5",
            ),
            (
                r#"{"max_tokens":9,"total_tokens":1,"prompt_tokens":2,"cached_token":3,"is_token":true,"stop_token":null}"#,
                r#"{"max_tokens":9,"total_tokens":1,"prompt_tokens":2,"cached_token":3,"is_token":true,"stop_token":null}"#,
            ),
            (
                r#"{"db_password":{"type":"string"},"auth_token":{"type":"string"},"required":["db_password","auth_token"]}"#,
                r#"{"db_password":{"type":"string"},"auth_token":{"type":"string"},"required":["db_password","auth_token"]}"#,
            ),
            (
                r#"{"token":"Hello","bytes":[72],"promptTokenCount":4}"#,
                r#"{"token":"Hello","bytes":[72],"promptTokenCount":4}"#,
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

    /// As source code has it, which stands in JSON: `|` is a line of base64, `~` a quote there.
    #[test]
    fn a_key_of_several_texts_goes_with_all_of_them() {
        let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        let written = |text: &str| text.replace('|', line).replace('~', r#"\""#);
        for (text, safe) in [
            (
                r"key = ~-----BEGIN PRIVATE KEY-----\\n~ +\n  ~|\\n~ +\n  ~|\\n~ +\n  ~AbC=\\n~ +\n  ~-----END PRIVATE KEY-----~;\nrun(~me~)",
                r"key = ~-----BEGIN[redacted]-----END PRIVATE KEY-----~;\nrun(~me~)",
            ),
            (
                r"private_key = ~-----BEGIN PRIVATE KEY-----\\n~\n ~|~\n ~AbC=~\n ~-----END PRIVATE KEY-----~; a",
                r"private_key = ~[redacted]-----END PRIVATE KEY-----~; a",
            ),
            (
                "['-----BEGIN KEY-----', '|', '|'].join(x)",
                "['-----BEGIN[redacted]'].join(x)",
            ),
            (
                "~-----BEGIN KEY-----~ + ~|~ + ~AbCd",
                "~-----BEGIN[redacted]",
            ),
            // Nothing follows.
            (
                "[~-----BEGIN KEY~, ~and so on~, ~-----END~]",
                "[~-----BEGIN[redacted]~, ~and so on~, ~-----END~]",
            ),
            (
                "{~a~:~-----BEGIN KEY~,~n~:1}",
                "{~a~:~-----BEGIN[redacted]~,~n~:1}",
            ),
        ] {
            assert_eq!(redact(&written(text)), written(safe));
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
