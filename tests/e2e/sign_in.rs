//! People sign in at an OpenID provider, and nobody else does in their name.

use serde_json::{Value, json};
use tollgate_tests::Gateway;
use tollgate_tests::gateway::Builder;
use tollgate_tests::http::{Request, Response};
use tollgate_tests::provider::{CLIENT_ID, CLIENT_SECRET, OpenIdProvider, Signs};

const CALLBACK: &str = "/api/auth/oidc/callback";
const SESSION: &str = "/api/auth/oidc/session";

/// A gateway that knows a provider.
fn knows(provider: &OpenIdProvider) -> Builder {
    let builder = Gateway::builder();
    let callback = format!("http://{}{CALLBACK}", builder.address());
    builder
        .env("OIDC_ISSUER", &provider.issuer())
        .env("OIDC_CLIENT_ID", CLIENT_ID)
        .env("OIDC_CLIENT_SECRET", CLIENT_SECRET)
        .env("OIDC_REDIRECT_URL", &callback)
}

/// A browser: one cookie, and where it was sent last.
struct Browser<'a> {
    gateway: &'a Gateway,
    provider: &'a OpenIdProvider,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(gateway: &'a Gateway, provider: &'a OpenIdProvider) -> Self {
        let cookie = String::new();
        Self {
            gateway,
            provider,
            cookie,
        }
    }

    fn send(&mut self, method: &str, path: &str) -> Response {
        let request = Request::new(method, path).header("cookie", format!("a=b; {}", self.cookie));
        let answer = self.gateway.send(&request);
        if let Some(cookie) = answer.header("set-cookie") {
            assert!(
                cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
                "{cookie}"
            );
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        answer
    }

    /// To the provider and back: where it then is, below the gateway's address.
    fn at_the_provider(&mut self) -> String {
        let sent = self.send("GET", "/api/auth/oidc/login?return_to=/console%3Ftab=keys");
        assert_eq!(sent.status, 303, "{}", sent.text());
        assert_eq!(sent.header("cache-control"), Some("no-store"));
        let at = format!("http://{}", self.provider.address());
        let location = sent.header("location").unwrap();
        let path = location.strip_prefix(&at).unwrap();
        let back = Request::get(path).send(self.provider.address()).unwrap();
        let at = format!("http://{}", self.gateway.address());
        let location = back.header("location").unwrap();
        location.strip_prefix(&at).unwrap().to_owned()
    }

    fn sign_in(&mut self) -> Response {
        let back = self.at_the_provider();
        let answer = self.send("GET", &back);
        if answer.status != 303 {
            return answer;
        }
        assert_eq!(answer.header("location"), Some("/console?tab=keys"));
        self.send("POST", SESSION)
    }
}

fn data(answer: &Response) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].clone()
}

fn refused(answer: &Response, status: u16, words: &str) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{text}");
    assert_eq!(answer.json()["success"], false, "{text}");
    assert!(text.contains(words), "{text} should say: {words}");
}

#[test]
fn a_person_signs_in_at_the_provider() {
    let provider = OpenIdProvider::start();
    let gateway = knows(&provider)
        .env("OIDC_ROLE_CLAIM", "groups")
        .env("OIDC_ROLE_MAPPING", "admins=administrator,eyes=read_only")
        .start();
    let admin = gateway.admin();
    let methods = data(&gateway.send(&Request::get("/api/auth/methods")));
    assert_eq!(methods["oidc"], "/api/auth/oidc/login", "{methods}");
    let mut browser = Browser::new(&gateway, &provider);
    provider.claims(json!({"preferred_username": "Anna", "email": "anna@corp.example"}));
    refused(&browser.sign_in(), 403, "nobody here is known");
    assert_eq!(admin.get("/api/users/")["total"], 0);

    let open = json!({"value": "true"});
    admin.call("PUT", "/api/option/OIDCRegistrationEnabled", Some(&open));
    let session = data(&browser.sign_in());
    let user = &session["user"];
    assert_eq!(user["username"], "anna", "{user}");
    assert_eq!(
        (&user["role"], &user["has_password"]),
        (&json!("user"), &json!(false))
    );
    let access = session["access_token"].as_str().unwrap();
    let own = |access: &str, path: &str| {
        let bearer = format!("Bearer {access}");
        gateway.send(&Request::get(path).header("authorization", bearer))
    };
    assert_eq!(
        data(&own(access, "/api/self"))["email"],
        "anna@corp.example"
    );
    assert_eq!(own(access, "/api/channels/").status, 403);
    // What was used is of no use.
    refused(&browser.send("POST", SESSION), 401, "begin again");

    // The same person, by whatever name; and what they may do is what the claim says now.
    for (groups, role, channels) in [
        (json!(["x", "admins"]), "administrator", 200),
        (json!(["eyes"]), "read_only", 200),
        (json!([]), "user", 403),
    ] {
        provider.claims(json!({"preferred_username": "Bert", "groups": groups}));
        let again = data(&browser.sign_in());
        assert_eq!(again["user"]["id"], user["id"], "{again}");
        assert_eq!(again["user"]["role"], role, "{again}");
        let access = again["access_token"].as_str().unwrap();
        assert_eq!(own(access, "/api/channels/").status, channels);
    }
    // All of it is in the audit log.
    let path = "/api/audit_logs/?actor=OpenID%20provider&order=id-asc";
    let audits = admin.get(path)["audit_logs"].clone();
    let told: Vec<Value> = audits
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            json!([
                row["fields"]["username"],
                row["fields"]["role"],
                row["code"],
                row["route"]
            ])
        })
        .collect();
    let expected: Vec<Value> = ["user", "administrator", "read_only", "user"]
        .map(|role| json!(["anna", role, 200, SESSION]))
        .into();
    assert_eq!(told, expected, "{audits}");
    assert_eq!(audits[1]["targets"]["id"], user["id"].to_string());
    // Another person of the same name is another user.
    provider.claims(json!({"sub": "subject-2", "preferred_username": "anna"}));
    let other = data(&browser.sign_in());
    assert_ne!(other["user"]["id"], user["id"]);
    assert_eq!(admin.get("/api/users/")["total"], 2);
    let disable = format!("/api/user/{}/status", other["user"]["id"]);
    admin.post(&disable, &json!({"status": 2}));
    refused(&browser.sign_in(), 403, "disabled");

    // The provider signs with another key now.
    provider.claims(json!({}));
    provider.rotates_keys();
    assert_eq!(data(&browser.sign_in())["user"]["id"], user["id"]);
    let output = gateway.process().output();
    assert!(!output.contains("canary"), "{output}");
}

#[test]
fn a_user_with_a_password_adds_an_identity() {
    let provider = OpenIdProvider::start();
    let gateway = knows(&provider).start();
    let admin = gateway.admin();
    let new =
        json!({"username": "carla", "password": "correct horse battery", "role": "read_only"});
    let carla = admin.post("/api/users/", &new)["id"].clone();
    let login = json!({"username": "carla", "password": "correct horse battery"});
    let session = data(&gateway.send(&Request::post("/api/auth/login", &login)));
    let bearer = format!("Bearer {}", session["access_token"].as_str().unwrap());

    let mut browser = Browser::new(&gateway, &provider);
    let back = browser.at_the_provider();
    assert_eq!(browser.send("GET", &back).status, 303);
    let own = |method: &str| {
        let request =
            Request::new(method, "/api/self/identities").header("cookie", &browser.cookie);
        gateway.send(&request.header("authorization", &bearer))
    };
    // Read-only users change nothing; a nobody has nothing.
    assert_eq!(own("POST").status, 403);
    let path = format!("/api/user/{carla}/identities");
    admin.post(&path, &json!({"subject": "subject-1"}));
    assert_eq!(data(&own("GET"))[0]["issuer"], provider.issuer());
    // Without a mapping, no claim changes what somebody may do.
    provider.claims(json!({"groups": ["administrator"], "role": "administrator"}));
    let signed_in = data(&browser.sign_in());
    assert_eq!(signed_in["user"]["id"], carla);
    assert_eq!(signed_in["user"]["role"], "read_only");
    admin.delete(&path);
    refused(&browser.sign_in(), 403, "nobody here is known");

    // An ordinary user does it alone.
    admin.call(
        "PUT",
        &format!("/api/user/{carla}"),
        Some(&json!({"role": "user"})),
    );
    let session = data(&gateway.send(&Request::post("/api/auth/login", &login)));
    let bearer = format!("Bearer {}", session["access_token"].as_str().unwrap());
    let back = browser.at_the_provider();
    assert_eq!(browser.send("GET", &back).status, 303);
    // It outlasts the session, so a session is not enough for it.
    let add = |body: Value| {
        let request = Request::post("/api/self/identities", &body);
        let request = request.header("cookie", &browser.cookie);
        gateway.send(&request.header("authorization", &bearer))
    };
    refused(&add(json!({})), 400, "password is required");
    let wrong = json!({"password": "wrong horse battery"});
    refused(&add(wrong), 401, "password is wrong");
    let linked = data(&add(json!({"password": "correct horse battery"})));
    assert_eq!(linked[0]["subject"], "subject-1", "{linked}");
    assert_eq!(data(&browser.sign_in())["user"]["id"], carla);
    // Who ends everything is told what goes on.
    let end = Request::new("POST", "/api/auth/logout_all").header("authorization", &bearer);
    let ended = gateway.send(&end).json();
    let message = ended["message"].as_str().unwrap_or_default();
    assert!(message.contains("/api/self/identities"), "{ended}");
}

#[test]
fn nobody_signs_in_with_what_was_forged_or_used() {
    let provider = OpenIdProvider::start();
    let gateway = knows(&provider)
        .env("OIDC_REGISTRATION_ENABLED", "true")
        .start();
    let mut anna = Browser::new(&gateway, &provider);
    for evil in [
        "https://evil.example/",
        "//evil.example",
        "/%5Cevil.example",
        "x",
        "/%0d%0ax",
    ] {
        let answer = anna.send("GET", &format!("/api/auth/oidc/login?return_to={evil}"));
        refused(&answer, 400, "return_to");
    }
    refused(&anna.send("POST", SESSION), 401, "begin again");

    // A code in another browser, with or without a sign-in of its own.
    let back = anna.at_the_provider();
    let mut thief = Browser::new(&gateway, &provider);
    refused(&thief.send("GET", &back), 401, "begin again");
    thief.at_the_provider();
    refused(&thief.send("GET", &back), 401, "begin again");
    // A state that was made up, a cookie that was bent, an issuer of another name.
    let state = back
        .split("state=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    refused(
        &anna.send("GET", &back.replace(&state, &"0".repeat(64))),
        401,
        "begin again",
    );
    refused(
        &anna.send("GET", &back.replace("state=", "x=")),
        401,
        "begin again",
    );
    refused(
        &anna.send("GET", &back.replace("iss=", "iss=x")),
        401,
        "begin again",
    );
    refused(
        &anna.send("GET", &back.replace("iss=", "x=")),
        401,
        "begin again",
    );
    let cookie = anna.cookie.clone();
    anna.cookie = cookie.replace("sign-in=", "sign-in=1");
    refused(&anna.send("GET", &back), 401, "begin again");
    anna.cookie = format!("{cookie}; {cookie}");
    refused(&anna.send("GET", &back), 401, "begin again");
    anna.cookie = cookie;
    assert_eq!(
        provider.redeemed(),
        0,
        "nothing was asked of the provider for all that"
    );
    // The true one works once.
    assert_eq!(anna.send("GET", &back).status, 303);
    refused(&anna.send("GET", &back), 401, "used already");
    refused(&thief.send("POST", SESSION), 401, "begin again");
    data(&anna.send("POST", SESSION));
    refused(&anna.send("POST", SESSION), 401, "begin again");

    // A code of another sign-in does not fit the verifier of this one.
    let (one, two) = (anna.at_the_provider(), thief.at_the_provider());
    let code = |back: &str| {
        back.split("code=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap()
            .to_owned()
    };
    let mixed = one.replace(&code(&one), &code(&two));
    refused(&anna.send("GET", &mixed), 401, "invalid_grant");
    refused(
        &thief.send("GET", &two.replace(&code(&two), &code(&one))),
        401,
        "invalid_grant",
    );
    // Somebody who said no.
    let back = anna.at_the_provider();
    let denied = back.replace(&format!("code={}", code(&back)), "error=access_denied");
    refused(&anna.send("GET", &denied), 401, "access_denied");

    let users = gateway.admin().get("/api/users/")["total"].clone();
    for (claims, words) in [
        (json!({"iss": "https://evil.example"}), "another provider"),
        (json!({"aud": "somebody"}), "another client"),
        (json!({"aud": [CLIENT_ID, "somebody"]}), "another client"),
        (json!({"exp": 1_000_000_000}), "time is over"),
        (json!({"nonce": "another"}), "another sign-in"),
        (json!({"nonce": null}), "another sign-in"),
        (json!({"sub": null}), "no sub"),
    ] {
        provider.claims(claims);
        refused(&anna.sign_in(), 401, words);
        refused(&anna.send("POST", SESSION), 401, "begin again");
    }
    provider.claims(json!({"sub": "subject-3"}));
    for (signs, words) in [
        (Signs::WithAnotherKey, "signature"),
        (Signs::Not, "algorithm"),
    ] {
        provider.signs(signs);
        refused(&anna.sign_in(), 401, words);
    }
    provider.signs(Signs::Soundly);
    assert_eq!(gateway.admin().get("/api/users/")["total"], users);
    let back = anna.at_the_provider();
    provider.away(true);
    refused(&anna.send("GET", &back), 503, "ID token");
    provider.away(false);
    data(&anna.sign_in());
}
