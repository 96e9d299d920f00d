//! What a browser keeps while it is at the provider.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::now_unix_ms;
use crate::secrets::random;

/// `<when it was made>.<random>.<where the browser goes at the end>`. Whoever has it can end the
/// sign-in; nobody else can. One that was made up is of no use: what the provider hands back is
/// derived from it with a secret.
#[derive(Clone)]
pub struct Ticket {
    text: String,
    made_s: i64,
    return_to: String,
}

/// How long people have to sign in.
pub const LIFETIME_S: i64 = 15 * 60;

const LONGEST: usize = 1024;
const LONGEST_PATH: usize = 512;

impl Ticket {
    pub(super) fn new(return_to: &str) -> Self {
        let made_s = now_unix_ms() / 1000;
        let random = hex::encode(random::<32>());
        let path = URL_SAFE_NO_PAD.encode(return_to);
        Self {
            text: format!("{made_s}.{random}.{path}"),
            made_s,
            return_to: return_to.to_owned(),
        }
    }

    /// `None` when it is none, or its time is over.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let mut parts = text.split('.');
        let (made, random, path) = (parts.next()?, parts.next()?, parts.next()?);
        let made_s: i64 = made.parse().ok()?;
        let age_s = (now_unix_ms() / 1000).checked_sub(made_s)?;
        let return_to = String::from_utf8(URL_SAFE_NO_PAD.decode(path).ok()?).ok()?;
        let sound = parts.next().is_none()
            && (0..LIFETIME_S).contains(&age_s)
            && random.len() == 64
            && is_own_path(&return_to);
        sound.then(|| Self {
            text: text.to_owned(),
            made_s,
            return_to,
        })
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn return_to(&self) -> &str {
        &self.return_to
    }

    /// From when on nothing needs to be known of it, because it cannot be used.
    pub(super) fn forgotten_at_ms(&self) -> i64 {
        self.made_s
            .saturating_add(2 * LIFETIME_S)
            .saturating_mul(1000)
    }
}

/// Whether a text is a path of this gateway and cannot be read as another site's address:
/// browsers take `//host` and `/\host` for one.
#[must_use]
pub fn is_own_path(text: &str) -> bool {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'\\';
    text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= LONGEST_PATH
        && text.bytes().all(printable)
}

/// It is as good as a session.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_our_own_are_gone_to() {
        for (path, own) in [
            ("/", true),
            ("/console/keys?page=2#top", true),
            ("", false),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example/", false),
            ("javascript:alert(1)", false),
            ("/a\nset-cookie: x=1", false),
            ("/ä", false),
            ("evil.example", false),
        ] {
            assert_eq!(is_own_path(path), own, "{path}");
        }
        assert!(!is_own_path(&format!("/{}", "x".repeat(LONGEST_PATH))));
    }

    #[test]
    fn a_ticket_has_its_time() {
        let ticket = Ticket::new("/console");
        let read = Ticket::read(ticket.text()).unwrap();
        assert_eq!((read.return_to(), read.text()), ("/console", ticket.text()));
        let (made, rest) = ticket.text().split_once('.').unwrap();
        let made: i64 = made.parse().unwrap();
        let at = |made: i64| Ticket::read(&format!("{made}.{rest}")).is_some();
        assert!(at(made - LIFETIME_S + 10));
        for made in [made - LIFETIME_S, made + 60, 0, i64::MIN, i64::MAX] {
            assert!(!at(made), "{made}");
        }
        let evil = URL_SAFE_NO_PAD.encode("//evil.example");
        let random = "0".repeat(64);
        for text in [
            "",
            "1.2.3",
            &format!("{made}.{random}.{evil}"),
            &format!("{made}.x.Lw"),
        ] {
            assert!(Ticket::read(text).is_none(), "{text}");
        }
    }
}
