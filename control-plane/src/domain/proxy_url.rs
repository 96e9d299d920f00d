//! The proxy through which a channel's provider is reached. Only administrators can say it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use crate::secrets::Secret;

/// `http(s)://[user:password@]host[:port]`: a proxy that knows CONNECT (RFC 9110, section 9.3.6).
/// What it shows, whichever way, is without the credentials.
#[derive(Debug, Clone)]
pub struct ProxyUrl {
    /// With [`MASK`] in the place of credentials, so that it also says whether there are any.
    shown: Url,
    credentials: Option<Secret>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxyUrl {
    #[error("must be a URL such as http://proxy.example:3128")]
    Malformed,
    #[error("must begin with http:// or https://; Envoy speaks no SOCKS")]
    Scheme,
    #[error("must have nothing behind host and port")]
    More,
    #[error("must have a user name without a colon, and no control characters in its credentials")]
    Credentials,
    #[error("is a masked one; write its user name and password")]
    Masked,
    #[error("must not be longer than 255 characters, and its credentials not than 512")]
    TooLong,
}

/// What stands where the credentials were.
const MASK: &str = "****";

const MAX_LENGTH: usize = 255;
const MAX_CREDENTIALS: usize = 512;

impl ProxyUrl {
    /// Reads what somebody typed, or sent back as it was shown: then its credentials are missing, and
    /// [`ProxyUrl::is_masked`].
    ///
    /// # Errors
    /// Names the rule that is broken. The text itself is not in the error: it may hold a secret.
    pub fn parse(text: &str) -> Result<Self, InvalidProxyUrl> {
        let text = text.trim();
        if text.len() > MAX_LENGTH + 3 * MAX_CREDENTIALS {
            return Err(InvalidProxyUrl::TooLong);
        }
        let mut url = Url::parse(text).map_err(|_| InvalidProxyUrl::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidProxyUrl::Scheme);
        }
        // The parser mends what is better asked about.
        if !text.contains("://") || text.contains(['\\', ' ', '\t', '\n', '\r']) || !url.has_host()
        {
            return Err(InvalidProxyUrl::Malformed);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidProxyUrl::More);
        }
        let credentials = credentials(&url)?;
        let has_any = credentials.is_some();
        let credentials = credentials.filter(|it| it.expose() != MASKED);
        url.set_username(if has_any { MASK } else { "" })
            .and_then(|()| url.set_password(None))
            .map_err(|()| InvalidProxyUrl::Malformed)?;
        if url.as_str().len() > MAX_LENGTH {
            return Err(InvalidProxyUrl::TooLong);
        }
        Ok(Self {
            shown: url,
            credentials,
        })
    }

    /// It has credentials that it does not hold.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        !self.shown.username().is_empty() && self.credentials.is_none()
    }

    /// The same with the credentials that were [kept](ProxyUrl::credentials) beside it.
    #[must_use]
    pub fn with_credentials(self, credentials: Secret) -> Self {
        Self {
            credentials: Some(credentials).filter(|it| !it.is_empty()),
            ..self
        }
    }

    /// User name and password with a colon between them, as RFC 7617 has them.
    #[must_use]
    pub fn credentials(&self) -> Option<&Secret> {
        self.credentials.as_ref()
    }

    /// What a CONNECT request says in `proxy-authorization`.
    #[must_use]
    pub fn authorization(&self) -> Option<Secret> {
        let credentials = self.credentials.as_ref()?;
        let encoded = STANDARD.encode(credentials.expose());
        Some(Secret::new(format!("Basic {encoded}")))
    }

    /// It is itself reached over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.shown.scheme() == "https"
    }

    /// Host name or address; an IPv6 address stands in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.shown.host_str().unwrap_or_default()
    }

    /// The port, the scheme's own if none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.shown.port_or_known_default().unwrap_or_default()
    }
}

/// [`MASK`] as the credentials of a URL: a user name without a password.
const MASKED: &str = "****:";

fn credentials(url: &Url) -> Result<Option<Secret>, InvalidProxyUrl> {
    let password = url.password().unwrap_or_default();
    if url.username().is_empty() && password.is_empty() {
        return Ok(None);
    }
    let decoded = |text: &str| {
        let bytes: Vec<u8> = percent_decoded(text);
        String::from_utf8(bytes).map_err(|_| InvalidProxyUrl::Credentials)
    };
    let (user, password) = (decoded(url.username())?, Secret::new(decoded(password)?));
    let pair = Secret::new(format!("{user}:{}", password.expose()));
    if user.contains(':') || pair.expose().contains(char::is_control) {
        return Err(InvalidProxyUrl::Credentials);
    }
    if pair.expose().len() > MAX_CREDENTIALS {
        return Err(InvalidProxyUrl::TooLong);
    }
    Ok(Some(pair))
}

/// RFC 3986, section 2.1; what is no escape stands for itself.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let escape = behind.get(..2).filter(|_| first == b'%');
        let byte = escape.and_then(|digits| hex::decode(digits).ok()?.first().copied());
        bytes.push(byte.unwrap_or(first));
        rest = match byte {
            Some(_) => behind.get(2..).unwrap_or_default(),
            None => behind,
        };
    }
    bytes
}

impl PartialEq for ProxyUrl {
    fn eq(&self, other: &Self) -> bool {
        let [one, two] = [self, other].map(|it| it.credentials().map(Secret::expose));
        self.shown == other.shown && one == two
    }
}

impl Eq for ProxyUrl {}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_urls_are_read_and_shown_without_their_credentials() {
        let check = |text: &str, shown: &str, place: (&str, u16, bool), credentials: &str| {
            let url = ProxyUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown, "{text}");
            assert_eq!((url.host(), url.port(), url.is_https()), place, "{text}");
            let held = url.credentials().map(Secret::expose).unwrap_or_default();
            assert_eq!(held, credentials, "{text}");
            assert!(!url.is_masked(), "{text}");
            assert!(!format!("{url:?}").contains("canary"), "{url:?}");

            let again = ProxyUrl::parse(shown).unwrap();
            assert_eq!(again.to_string(), shown, "{text}: not stable");
            assert_eq!(again.is_masked(), !credentials.is_empty(), "{text}");
            assert!(again.authorization().is_none(), "{text}");
        };
        let plain = ("proxy.example", 3128, false);
        check(
            " http://PROXY.example:3128/ ",
            "http://proxy.example:3128",
            plain,
            "",
        );
        check(
            "http://me:canary@proxy.example:3128",
            "http://****@proxy.example:3128",
            plain,
            "me:canary",
        );
        // Services that take a token for a name.
        check(
            "https://canary@proxy.example",
            "https://****@proxy.example",
            ("proxy.example", 443, true),
            "canary:",
        );
        check(
            "http://a%20b:c%3A%40%2f%25canary@10.0.0.1",
            "http://****@10.0.0.1",
            ("10.0.0.1", 80, false),
            "a b:c:@/%canary",
        );
        check(
            "http://[::1]:8080",
            "http://[::1]:8080",
            ("[::1]", 8080, false),
            "",
        );
    }

    #[test]
    fn what_is_no_proxy_url_is_refused() {
        let check = |text: &str, expected: InvalidProxyUrl| {
            assert_eq!(ProxyUrl::parse(text).unwrap_err(), expected, "{text}");
        };
        for text in [
            "",
            "proxy.example",
            "http:proxy.example",
            "http://",
            "http://a b",
        ] {
            check(text, InvalidProxyUrl::Malformed);
        }
        for text in [
            "socks5://proxy.example:1080",
            "socks5h://proxy.example:1080",
            "ftp://proxy.example",
            "proxy.example:3128",
        ] {
            check(text, InvalidProxyUrl::Scheme);
        }
        for text in [
            "http://a.example/x",
            "http://a.example?x",
            "http://a.example#x",
        ] {
            check(text, InvalidProxyUrl::More);
        }
        for text in [
            "http://a%3Ab:c@a.example",
            "http://a:b%0d%0ax@a.example",
            "http://%ff@a.example",
        ] {
            check(text, InvalidProxyUrl::Credentials);
        }
        check(
            &format!("http://{}.example", "a".repeat(255)),
            InvalidProxyUrl::TooLong,
        );
        check(
            &format!("http://u:{}@a.example", "a".repeat(512)),
            InvalidProxyUrl::TooLong,
        );
    }

    #[test]
    fn what_the_proxy_is_told() {
        let url = ProxyUrl::parse("http://Aladdin:open%20sesame@a.example").unwrap();
        // RFC 7617, section 2.
        let expected = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert_eq!(url.authorization().unwrap().expose(), expected);
        let shown = ProxyUrl::parse(&url.to_string()).unwrap();
        let opened = shown.with_credentials(url.credentials().unwrap().clone());
        assert_eq!(opened.authorization().unwrap().expose(), expected);
    }
}
