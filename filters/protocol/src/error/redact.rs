//! Takes out of an upstream's words what is none of the caller's business: keys,
//! tokens, hosts, URLs and addresses.

/// Texts are cut to this many characters before anything else happens.
const MAX_CHARS: usize = 2_000;

const HIDDEN: &str = "[redacted]";

/// A text that may be shown to a caller, at most 2,000 characters of it. Words that
/// look like secrets or places become `[redacted]`; ids of tool calls and messages
/// stay, because clients need them to find their own mistake.
pub fn redact(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(MAX_CHARS));
    let bounded = match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    };
    let mut after_scheme = false;
    for piece in bounded.split_inclusive(is_separator) {
        let word = piece.trim_end_matches(is_separator);
        let kept = word.trim_end_matches(['.', ':', '?', '!', '…']);
        if kept.len() > 3 && after_scheme {
            safe.push_str(HIDDEN);
        } else {
            push_word(kept, &mut safe);
        }
        safe.push_str(piece.get(kept.len()..).unwrap_or_default());
        if !word.is_empty() {
            after_scheme = ["bearer", "basic"]
                .iter()
                .any(|scheme| kept.eq_ignore_ascii_case(scheme));
        }
    }
    if bounded.len() < text.len() {
        safe.push('…');
    }
    safe
}

/// A URL is judged whole, `name=value` by its parts.
fn push_word(word: &str, safe: &mut String) {
    if word.contains("://") {
        return safe.push_str(HIDDEN);
    }
    for (index, part) in word.split('=').enumerate() {
        if index > 0 {
            safe.push('=');
        }
        match part.len() > 3 && is_private(part) {
            true => safe.push_str(HIDDEN),
            false => safe.push_str(part),
        }
    }
}

/// Not `/`, `:`, `.` or `-`: URLs, addresses and keys are judged whole.
fn is_separator(char: char) -> bool {
    char.is_whitespace()
        || char.is_control()
        || matches!(
            char,
            '"' | '\'' | '`' | ',' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>'
        )
}

fn is_private(word: &str) -> bool {
    is_address(word) || is_host(word) || is_key(word)
}

/// IPv4 or IPv6, a port after it or not.
fn is_address(word: &str) -> bool {
    let bare = word.trim_start_matches('/');
    let host = match bare.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => bare,
    };
    bare.parse::<std::net::IpAddr>().is_ok() && bare.len() > 3
        || host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// `api.internal.example`, `gateway:8080`, `localhost`, `user@host`: a name with a
/// top-level domain that is letters, a port, or an at sign.
fn is_host(word: &str) -> bool {
    if word.eq_ignore_ascii_case("localhost") || word.contains('@') {
        return true;
    }
    let (name, port) = match word.split_once(':') {
        Some((name, rest)) => (name, rest.split('/').next().unwrap_or_default()),
        None => (word.split('/').next().unwrap_or_default(), ""),
    };
    let labels_are_fine = !name.is_empty()
        && name.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
    if !labels_are_fine {
        return false;
    }
    let has_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if has_port {
        return name.bytes().any(|byte| byte.is_ascii_alphabetic());
    }
    let top = name.rsplit('.').next().unwrap_or_default();
    const PLACES: [&str; 30] = [
        "com", "net", "org", "io", "ai", "dev", "local", "internal", "cloud", "svc", "lan", "corp",
        "app", "co", "cn", "us", "eu", "de", "uk", "jp", "fr", "edu", "gov", "info", "xyz", "tech",
        "home", "arpa", "consul", "example",
    ];
    name.contains('.') && PLACES.contains(&top)
}

/// Known prefixes of keys and accounts, or any long run that mixes letters and
/// digits without being an id that the caller knows.
fn is_key(word: &str) -> bool {
    const KEYS: [&str; 14] = [
        "sk-", "sk_", "pk-", "rk-", "gsk_", "xai-", "AIza", "ya29.", "AKIA", "ASIA", "ghp_", "hf_",
        "eyJ", "org-",
    ];
    const IDS: [&str; 8] = [
        "call_",
        "toolu_",
        "srvtoolu_",
        "msg_",
        "req_",
        "resp_",
        "chatcmpl-",
        "file-",
    ];
    if KEYS.iter().any(|prefix| word.starts_with(prefix)) && word.len() >= 8 {
        return true;
    }
    if IDS.iter().any(|prefix| word.starts_with(prefix)) {
        return false;
    }
    word.split(|char: char| !char.is_ascii_alphanumeric() && char != '+' && char != '*')
        .any(|run| {
            let letters = run.bytes().filter(u8::is_ascii_alphabetic).count();
            let digits = run.bytes().filter(u8::is_ascii_digit).count();
            // A key that the provider masked itself ("abcd****wxyz") still tells.
            run.len() >= 20 && letters >= 4 && digits >= 3 || run.contains("***")
        })
}
