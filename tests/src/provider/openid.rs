//! An OpenID provider: sends browsers back with a code, and tells who it was with a signed token.
//! It is as strict as the specifications are, and lies when it is told to.

use std::collections::HashMap;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::Call;
use super::server::read_call;

/// A running provider. Clones are the same one.
#[derive(Debug, Clone)]
pub struct OpenIdProvider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

pub const CLIENT_ID: &str = "tollgate";
/// With characters that a header must not have as they are.
pub const CLIENT_SECRET: &str = "client:secret canary/5f0c";

#[derive(Debug)]
struct State {
    issuer: String,
    keys: Vec<Key>,
    /// What is said of everybody, over what is true; `null` leaves a claim out.
    claims: Value,
    signs: Signs,
    away: bool,
    /// What codes were given out for.
    codes: HashMap<String, HashMap<String, String>>,
    given: usize,
    redeemed: usize,
}

#[derive(Debug)]
struct Key {
    id: String,
    pair: EcdsaKeyPair,
}

/// How ID tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    Soundly,
    /// With a key that is not published, under the name of one that is.
    WithAnotherKey,
    /// Not at all: `alg: none`.
    Not,
}

impl OpenIdProvider {
    /// # Panics
    /// When loopback has no free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let provider = Self {
            address,
            state: Arc::new(Mutex::new(State {
                issuer: format!("http://{address}"),
                keys: vec![Key::new("key-1")],
                claims: json!({}),
                signs: Signs::Soundly,
                away: false,
                codes: HashMap::new(),
                given: 0,
                redeemed: 0,
            })),
        };
        let state = Arc::clone(&provider.state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever does not wait for the answer gets none.
                let _ = serve(stream, &state);
            }
        });
        provider
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn issuer(&self) -> String {
        self.state().issuer.clone()
    }

    /// What it says of everybody from now on.
    pub fn claims(&self, claims: Value) {
        self.state().claims = claims;
    }

    pub fn signs(&self, signs: Signs) {
        self.state().signs = signs;
    }

    pub fn away(&self, away: bool) {
        self.state().away = away;
    }

    /// Signs with a new key from now on, and publishes no other.
    pub fn rotates_keys(&self) {
        let mut state = self.state();
        let name = format!("key-{}", state.given + 100);
        state.keys = vec![Key::new(&name)];
    }

    /// How many codes it has changed for a token.
    #[must_use]
    pub fn redeemed(&self) -> usize {
        self.state().redeemed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }
}

impl Key {
    fn new(id: &str) -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
        Self {
            id: id.into(),
            pair: EcdsaKeyPair::from_pkcs8(kind, made.as_ref(), &random).expect("a key"),
        }
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let Some(call) = read_call(&mut BufReader::new(stream.try_clone()?))? else {
        return Ok(());
    };
    let answer = {
        let mut state = state.lock().expect("not poisoned");
        let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
        match (call.method.as_str(), path) {
            _ if state.away => Err((503, "temporarily_unavailable")),
            ("GET", "/.well-known/openid-configuration") => Ok(state.document()),
            ("GET", "/jwks") => Ok(state.published()),
            ("POST", "/token") => state.token(&call),
            ("GET", "/authorize") => {
                let location = state.authorize(form(query));
                let head = "HTTP/1.1 302 Scripted\r\ncontent-length: 0\r\nconnection: close\r\n";
                return write!(stream, "{head}location: {location}\r\n\r\n");
            }
            _ => Err((404, "not_found")),
        }
    };
    let (status, body) = match answer {
        Ok(body) => (200, body),
        Err((status, code)) => (
            status,
            json!({"error": code, "error_description": "<b>x</b>"}),
        ),
    };
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

type Answered = Result<Value, (u16, &'static str)>;

impl State {
    fn document(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.issuer);
        json!({
            "issuer": self.issuer, "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"), "jwks_uri": at("jwks"),
            "authorization_response_iss_parameter_supported": true,
        })
    }

    fn published(&self) -> Value {
        let keys = self.keys.iter().map(|key| {
            let point = key.pair.public_key().as_ref();
            json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": key.id,
                "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    }

    /// Everybody may sign in, and nobody is asked for a password.
    fn authorize(&mut self, asked: HashMap<String, String>) -> String {
        self.given += 1;
        let code = format!("code-{}", self.given);
        let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
        let (redirect, state) = (of("redirect_uri"), of("state"));
        let sound = of("response_type") == "code"
            && of("client_id") == CLIENT_ID
            && of("scope").split(' ').any(|scope| scope == "openid")
            && of("code_challenge_method") == "S256";
        assert!(sound, "{asked:?}");
        self.codes.insert(code.clone(), asked);
        let issuer = self.issuer.replace(':', "%3A").replace('/', "%2F");
        format!("{redirect}?code={code}&state={state}&iss={issuer}")
    }

    fn token(&mut self, call: &Call) -> Answered {
        let pair = CLIENT_SECRET
            .replace(':', "%3A")
            .replace('/', "%2F")
            .replace(' ', "+");
        let expected = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{pair}")));
        if call.header("authorization") != Some(expected.as_str()) {
            return Err((401, "invalid_client"));
        }
        let given = form(&String::from_utf8_lossy(&call.body));
        let of = |name: &str| given.get(name).map(String::as_str).unwrap_or_default();
        let refused = (400, "invalid_grant");
        // A code is good once.
        let asked = self.codes.remove(of("code")).ok_or(refused)?;
        let challenge = encoded(digest(&SHA256, of("code_verifier").as_bytes()).as_ref());
        let sound = of("grant_type") == "authorization_code"
            && asked.get("redirect_uri").map(String::as_str) == Some(of("redirect_uri"))
            && asked.get("code_challenge") == Some(&challenge);
        if !sound {
            return Err(refused);
        }
        self.redeemed += 1;
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT_ID, "sub": "subject-1",
            "nonce": asked.get("nonce"), "iat": now_s(), "exp": now_s() + 300,
        });
        for (name, value) in self.claims.as_object().into_iter().flatten() {
            match value {
                Value::Null => claims.as_object_mut().expect("an object").remove(name),
                value => claims
                    .as_object_mut()
                    .expect("an object")
                    .insert(name.clone(), value.clone()),
            };
        }
        let token = self.signed(&claims);
        Ok(json!({"access_token": "not-used", "token_type": "Bearer", "id_token": token}))
    }

    fn signed(&self, claims: &Value) -> String {
        let key = self.keys.last().expect("a key");
        let (algorithm, signer) = match self.signs {
            Signs::Soundly => ("ES256", None),
            Signs::WithAnotherKey => ("ES256", Some(Key::new("unknown"))),
            Signs::Not => ("none", None),
        };
        let head = json!({"alg": algorithm, "kid": key.id});
        let text = [&head, claims].map(|part| encoded(part.to_string().as_bytes()));
        let text = text.join(".");
        if self.signs == Signs::Not {
            return format!("{text}.");
        }
        let pair = signer.as_ref().map_or(&key.pair, |other| &other.pair);
        let signature = pair.sign(&SystemRandom::new(), text.as_bytes());
        format!("{text}.{}", encoded(signature.expect("signed").as_ref()))
    }
}

/// The fields of a form or a query, decoded.
fn form(text: &str) -> HashMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8(digits).expect("hex");
                bytes.push(u8::from_str_radix(&digits, 16).expect("hex"));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}
