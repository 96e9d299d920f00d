//! Google's token endpoint: takes statements that a service account has signed, and makes tokens.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use super::Call;
use super::server::read_call;

/// A running endpoint. Clones are the same one.
#[derive(Debug, Clone)]
pub struct TokenEndpoint {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    lasts_s: AtomicU64,
    away: AtomicBool,
    made: AtomicUsize,
}

/// Made for the tests, and good for nothing else.
const PRIVATE_KEY: &str =
    include_str!("../../../control-plane/src/domain/testdata/service-account.pem");

const ACCOUNT: &str = "canary@p-1.iam.gserviceaccount.com";
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// What every token begins with.
pub const TOKEN: &str = "ya29.canary-access-token-";

/// A key file of the account that the endpoint knows.
#[must_use]
pub fn service_account() -> Value {
    json!({
        "type": "service_account", "project_id": "p-1", "private_key_id": "k-1",
        "private_key": PRIVATE_KEY, "client_email": ACCOUNT, "client_id": "1",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": AUDIENCE,
    })
}

impl TokenEndpoint {
    /// # Panics
    /// When loopback has no free port.
    #[must_use]
    pub fn start(lasts_s: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = Self {
            address: listener.local_addr().expect("its address"),
            state: Arc::new(State {
                lasts_s: lasts_s.into(),
                away: false.into(),
                made: 0.into(),
            }),
        };
        let state = Arc::clone(&endpoint.state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever does not wait for the answer gets none.
                let _ = serve(stream, &state);
            }
        });
        endpoint
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// Answers with 503 from now on, or no longer.
    pub fn away(&self, away: bool) {
        self.state.away.store(away, Ordering::SeqCst);
    }

    /// How long new tokens last.
    pub fn tokens_last(&self, seconds: u64) {
        self.state.lasts_s.store(seconds, Ordering::SeqCst);
    }

    /// How many tokens it has made.
    #[must_use]
    pub fn made(&self) -> usize {
        self.state.made.load(Ordering::SeqCst)
    }

    /// Says why a call shows no token that was made here.
    pub(super) fn verify(&self, call: &Call) -> Result<(), String> {
        let shown = call.header("authorization").unwrap_or_default();
        let number = shown
            .strip_prefix("Bearer ")
            .and_then(|token| token.strip_prefix(TOKEN));
        match number.and_then(|number| number.parse().ok()) {
            Some(number) if (1..=self.made()).contains(&number) => Ok(()),
            _ => Err("Request had invalid authentication credentials.".into()),
        }
    }
}

fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let Some(call) = read_call(&mut BufReader::new(stream.try_clone()?))? else {
        return Ok(());
    };
    let (status, body) = if state.away.load(Ordering::SeqCst) {
        (503, json!({"error": "unavailable"}))
    } else if let Err(why) = check(&call) {
        (
            400,
            json!({"error": "invalid_grant", "error_description": why}),
        )
    } else {
        let number = state.made.fetch_add(1, Ordering::SeqCst) + 1;
        let lasts = state.lasts_s.load(Ordering::SeqCst);
        let token = format!("{TOKEN}{number}");
        (
            200,
            json!({"access_token": token, "expires_in": lasts, "token_type": "Bearer"}),
        )
    };
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// As Google does (RFC 7523, section 3).
fn check(call: &Call) -> Result<(), &'static str> {
    let body = String::from_utf8_lossy(&call.body);
    let field = |name: &str| {
        let mut fields = body.split('&').filter_map(|field| field.split_once('='));
        fields.find_map(|(key, value)| (key == name).then(|| value.to_owned()))
    };
    let grant = field("grant_type").ok_or("no grant_type")?;
    if grant != "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer" {
        return Err("another grant_type");
    }
    let assertion = field("assertion").ok_or("no assertion")?;
    let (signed, signature) = assertion.rsplit_once('.').ok_or("no signature")?;
    let (head, claims) = signed.split_once('.').ok_or("no claims")?;
    let json = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let (head, claims) = json(head).zip(json(claims)).ok_or("no JSON")?;
    if head["alg"] != "RS256" || head["kid"] != "k-1" {
        return Err("another key");
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let (issued, ends) = (claims["iat"].as_u64(), claims["exp"].as_u64());
    let (issued, ends) = issued.zip(ends).ok_or("no times")?;
    if issued > now || ends <= now || ends - issued > 3600 {
        return Err("not now");
    }
    if claims["iss"] != ACCOUNT || claims["aud"] != AUDIENCE || claims["scope"] != SCOPE {
        return Err("another account, audience or scope");
    }
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| "no signature")?;
    let key = public_key();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    key.verify(signed.as_bytes(), &signature)
        .map_err(|_| "Invalid JWT Signature.")
}

fn public_key() -> Vec<u8> {
    let lines = PRIVATE_KEY
        .lines()
        .filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(lines.collect::<String>()).expect("base64");
    let pair = RsaKeyPair::from_pkcs8(&der).expect("an RSA key");
    pair.public_key().as_ref().to_vec()
}
