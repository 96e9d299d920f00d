use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::json;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::*;
use crate::domain::now_unix_ms;

const ISSUER: &str = "https://id.example/realm";

/// Made for the tests, and good for nothing else.
const RSA: &str = include_str!("../../domain/testdata/service-account.pem");

/// What signs, and what is published of it.
struct Signing {
    elliptic: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

impl Signing {
    fn new() -> Self {
        crate::accounts::install_crypto();
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let rsa = PrivatePkcs8KeyDer::from_pem_slice(RSA.as_bytes()).unwrap();
        Self {
            elliptic: EcdsaKeyPair::from_pkcs8(kind, made.as_ref(), &random).unwrap(),
            rsa: RsaKeyPair::from_pkcs8(rsa.secret_pkcs8_der()).unwrap(),
        }
    }

    fn set(&self) -> Value {
        let point = self.elliptic.public_key().as_ref();
        let rsa = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let (n, e) = (encoded(&rsa.n), encoded(&rsa.e));
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "e", "use": "sig", "alg": "ES256",
             "x": encoded(&point[1..33]), "y": encoded(&point[33..])},
            {"kty": "RSA", "kid": "r", "use": "sig", "n": n, "e": e},
            {"kty": "RSA", "kid": "enc", "use": "enc", "n": n, "e": e},
            {"kty": "oct", "kid": "o", "k": "c2VjcmV0"},
            {"kty": "of another kind", "kid": "x"},
        ]})
    }

    fn keys(&self) -> Keys {
        Keys::read(self.set().to_string().as_bytes()).unwrap()
    }

    fn token(&self, head: &Value, claims: &Value) -> String {
        let text = [head, claims].map(|part| encoded(part.to_string().as_bytes()));
        let text = text.join(".");
        let random = SystemRandom::new();
        let signature = match head["alg"].as_str().unwrap() {
            "ES256" => {
                let signed = self.elliptic.sign(&random, text.as_bytes()).unwrap();
                signed.as_ref().to_vec()
            }
            "RS256" => {
                let mut signed = vec![0; self.rsa.public().modulus_len()];
                let (scheme, text) = (&RSA_PKCS1_SHA256, text.as_bytes());
                self.rsa.sign(scheme, &random, text, &mut signed).unwrap();
                signed
            }
            // With what everybody knows: the oldest trick there is.
            "HS256" => {
                let public = self.elliptic.public_key().as_ref();
                let key = hmac::Key::new(hmac::HMAC_SHA256, public);
                hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{text}.{}", encoded(&signature))
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now_s() -> i64 {
    now_unix_ms() / 1000
}

fn sound() -> Value {
    json!({
        "iss": ISSUER, "aud": "tollgate", "sub": "subject-1", "nonce": "n-1",
        "iat": now_s(), "exp": now_s() + 300,
    })
}

fn read(token: &str, keys: &Keys) -> Result<String, String> {
    let expected = Expected {
        issuer: ISSUER,
        client_id: "tollgate",
        nonce: "n-1",
        now_s: now_s(),
    };
    match key(token, keys).and_then(|key| claims(token, key, expected)) {
        Ok(claims) => Ok(claims["sub"].as_str().unwrap().to_owned()),
        Err(Invalid::UnknownKey) => Err("unknown key".into()),
        Err(Invalid::Rule(text)) => Err(text),
    }
}

#[test]
fn what_the_provider_signed_for_us_is_taken() {
    let signing = Signing::new();
    let keys = signing.keys();
    for head in [
        json!({"alg": "ES256", "kid": "e"}),
        json!({"alg": "RS256", "kid": "r", "typ": "JWT"}),
        // Without a name, there is one key that it can be.
        json!({"alg": "ES256"}),
    ] {
        let token = signing.token(&head, &sound());
        assert_eq!(read(&token, &keys).as_deref(), Ok("subject-1"), "{head}");
    }
    let mut two = sound();
    two["aud"] = json!(["other", "tollgate"]);
    two["azp"] = json!("tollgate");
    let token = signing.token(&json!({"alg": "ES256", "kid": "e"}), &two);
    assert_eq!(read(&token, &keys).as_deref(), Ok("subject-1"));
}

#[test]
fn what_claims_something_else_is_refused() {
    let signing = Signing::new();
    let keys = signing.keys();
    for (claim, value, words) in [
        ("iss", json!("https://evil.example"), "another provider"),
        (
            "iss",
            json!("https://id.example/realm/"),
            "another provider",
        ),
        ("iss", Value::Null, "iss"),
        ("aud", json!("somebody"), "another client"),
        ("aud", json!(["somebody"]), "another client"),
        ("aud", json!(["tollgate", "somebody"]), "another client"),
        ("aud", Value::Null, "aud"),
        ("azp", json!("somebody"), "another client"),
        ("exp", json!(now_s() - 120), "time is over"),
        ("exp", Value::Null, "exp"),
        ("exp", json!("tomorrow"), "exp"),
        ("nbf", json!(now_s() + 600), "time has not come"),
        ("iat", json!(now_s() + 600), "later time"),
        ("iat", Value::Null, "when it was made"),
        ("nonce", json!("n-2"), "another sign-in"),
        ("nonce", Value::Null, "another sign-in"),
        ("sub", json!(""), "whom"),
        ("sub", json!(7), "sub"),
        ("sub", json!("x".repeat(256)), "whom"),
        ("sub", Value::Null, "sub"),
    ] {
        let mut claims = sound();
        match &value {
            Value::Null => claims.as_object_mut().unwrap().remove(claim),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(claim.into(), value.clone()),
        };
        let token = signing.token(&json!({"alg": "ES256", "kid": "e"}), &claims);
        let told = read(&token, &keys).unwrap_err();
        assert!(
            told.contains(words) || told.contains("cannot be read"),
            "{claim} {value}: {told}"
        );
    }
}

#[test]
fn what_the_provider_did_not_sign_is_refused() {
    let signing = Signing::new();
    let keys = signing.keys();
    let other = Signing::new();
    for head in [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "HS256", "kid": "e"}),
        json!({"alg": "HS256", "kid": "o"}),
        json!({"alg": "RS256", "kid": "e"}),
        json!({"alg": "RS256", "kid": "enc"}),
        json!({"alg": "ES256", "kid": "another"}),
        json!({"alg": "PS256", "kid": "r"}),
    ] {
        assert!(
            read(&signing.token(&head, &sound()), &keys).is_err(),
            "{head}"
        );
    }
    let head = json!({"alg": "ES256", "kid": "e"});
    let told = read(&other.token(&head, &sound()), &keys).unwrap_err();
    assert!(told.contains("signature"), "{told}");
    let token = signing.token(&head, &sound());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    let mut another = sound();
    another["sub"] = json!("somebody else");
    let bent = format!(
        "{head}.{}.{signature}",
        encoded(another.to_string().as_bytes())
    );
    for bad in [
        &bent,
        signed,
        "",
        "a.b.c",
        "..",
        &format!("{token}x"),
        &format!("{signed}."),
    ] {
        assert!(read(bad, &keys).is_err(), "{bad}");
    }
    // A key of a name that comes twice may be the one or the other.
    let mut set = signing.set();
    let key = set["keys"][0].clone();
    set["keys"].as_array_mut().unwrap().push(key);
    let twice = Keys::read(set.to_string().as_bytes()).unwrap();
    assert!(read(&token, &twice).is_err());
    for bad in ["", "[]", "{}", r#"{"keys": {}}"#] {
        assert!(Keys::read(bad.as_bytes()).is_err(), "{bad}");
    }
}
