//! Signing in, going on, and being kept out.

use std::convert::Infallible;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::*;

async fn open(api: &Api) {
    api.ok("PUT", "/option/RegistrationEnabled", json!({"value": true}))
        .await;
}

#[tokio::test]
async fn registration_is_closed_until_it_is_opened() {
    with_store(async |store| {
        let api = Api::new(&store);
        let new = json!({"username": "Anna", "password": PASSWORD, "email": "a@b.example"});
        let register = async |new: &Value| {
            let new = new.clone();
            api.call_as(None, "POST", "/auth/register", new).await
        };
        let methods = api.call_as(None, "GET", "/auth/methods", Value::Null).await;
        assert_eq!(methods.envelope["data"]["registration"], false);
        assert_eq!(register(&new).await.status, 403);
        assert_eq!(api.get("/users/").await["total"], 0);

        open(&api).await;
        let answer = register(&new).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let user = &answer.envelope["data"];
        assert_eq!(
            (&user["username"], &user["role"], &user["status"]),
            (&json!("anna"), &json!("user"), &json!(1))
        );
        let group = user["group"].as_str().unwrap();
        assert_eq!(api.get(&format!("/group/{group}")).await["id"], group);
        assert_eq!(register(&new).await.status, 409);
        api.sign_in("ANNA").await;

        for (field, value) in [
            ("role", json!("administrator")),
            ("status", json!(1)),
            ("group", json!("default")),
            ("username", json!("an")),
            ("username", json!("anna b")),
            ("username", json!("ännä")),
            ("username", json!("../x")),
            ("password", json!("short")),
            ("password", json!("aaaaaaaaaaaaaaaa")),
            ("password", json!("my name is bert2")),
            ("password", json!("x".repeat(1000))),
            ("email", json!("nobody")),
        ] {
            let mut new = json!({"username": "bert2", "password": PASSWORD});
            new[field] = value;
            let answer = register(&new).await;
            assert_eq!(answer.status, 400, "{new}: {}", answer.text);
            assert!(answer.text.contains(field), "{}", answer.text);
        }
        // One address does not make users without end.
        let mut last = 200;
        for at in 0..20 {
            let new = json!({"username": format!("user{at}"), "password": PASSWORD});
            last = register(&new).await.status;
            if last != 200 {
                break;
            }
        }
        assert_eq!(last, 429);
    })
    .await;
}

#[tokio::test]
async fn guesses_are_slowed_down_for_known_and_unknown_names_alike() {
    with_store(async |store| {
        let api = Api::new(&store);
        api.user("anna", "user").await;
        api.user("off", "user").await;
        let guess = async |name: &str, password: &str, from: &str| {
            let request = Request::builder()
                .method("POST")
                .uri("/api/auth/login")
                .header("x-forwarded-for", from)
                .body(
                    json!({"username": name, "password": password})
                        .to_string()
                        .into(),
                );
            api.send(request.unwrap()).await
        };
        let mut texts = Vec::new();
        for name in ["anna", "nobody", "a\u{0}b"] {
            let mut seen = Vec::new();
            for _ in 0..7 {
                let answer = guess(name, "wrong password", "192.0.2.7").await;
                seen.push(answer.status);
                if answer.status == 401 {
                    texts.push(answer.text);
                }
            }
            // At the seventh the wait may just be over on a slow machine, but no earlier.
            assert_eq!(seen[..5], [401; 5], "{name}: {seen:?}");
            assert!(seen[5..].contains(&429), "{name}: {seen:?}");
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "{texts:?}");

        // The right password does not help now; nobody else is kept out.
        let lock = "UPDATE login_attempts SET locked_until = 9000000000000 \
                    WHERE scope LIKE 'login/_%/192.0.2.7'";
        store.execute_for_tests(lock.to_owned()).await;
        let answer = guess("anna", PASSWORD, "192.0.2.7").await;
        assert_eq!(answer.status, 429, "{}", answer.text);
        assert!(answer.text.contains("too many attempts"), "{}", answer.text);
        assert_eq!(guess("anna", PASSWORD, "192.0.2.8").await.status, 200);
        assert_eq!(guess("off", PASSWORD, "192.0.2.7").await.status, 200);

        // A success forgets the failures of that user there.
        for _ in 0..4 {
            guess("off", "wrong password", "192.0.2.7").await;
        }
        assert_eq!(guess("off", PASSWORD, "192.0.2.7").await.status, 200);
        for _ in 0..4 {
            assert_eq!(
                guess("off", "wrong password", "192.0.2.7").await.status,
                401
            );
        }
    })
    .await;
}

#[tokio::test]
async fn guesses_from_elsewhere_keep_nobody_out_where_they_were() {
    with_store(async |store| {
        let api = Api::new(&store);
        let sign_in = async |name: &str, password: &str, from: &str| {
            let login = json!({"username": name, "password": password});
            let request = Request::builder()
                .method("POST")
                .uri("/api/auth/login")
                .header("x-forwarded-for", from)
                .body(login.to_string().into());
            api.send(request.unwrap()).await.status
        };
        let lock = async |name: &str| {
            let digest = Sha256::digest(name.as_bytes());
            let lock = format!(
                "INSERT INTO login_attempts (scope, failures, last_at, locked_until) \
                 VALUES ('login/{}', 50, 9000000000000, 9000000000000)",
                hex::encode(digest)
            );
            store.execute_for_tests(lock).await;
        };
        for name in ["anna", "bert"] {
            let new = json!({"username": name, "password": PASSWORD});
            api.ok("POST", "/users/", new).await;
        }
        assert_eq!(sign_in("anna", PASSWORD, "2001:db8::1").await, 200);
        assert_eq!(sign_in("bert", PASSWORD, "192.0.2.8").await, 200);
        for name in ["anna", "bert", "nobody"] {
            lock(name).await;
        }
        // The rest of an IPv6 address is anything.
        assert_eq!(sign_in("anna", PASSWORD, "2001:db8::2").await, 200);
        assert_eq!(sign_in("bert", PASSWORD, "192.0.2.8").await, 200);
        // Elsewhere the lock is as it was: nobody starts anew because they came home.
        for (name, from) in [
            ("anna", "192.0.2.8"),
            ("bert", "2001:db8::1"),
            ("nobody", "192.0.2.8"),
            ("a\u{0}", "192.0.2.9"),
        ] {
            let expected = if name == "a\u{0}" { 401 } else { 429 };
            assert_eq!(
                sign_in(name, PASSWORD, from).await,
                expected,
                "{name} {from}"
            );
        }
        // Where they are known, guesses are counted for that network.
        let mut seen = Vec::new();
        for _ in 0..7 {
            seen.push(sign_in("bert", "wrong password", "192.0.2.8").await);
        }
        assert_eq!(seen[..5], [401; 5], "{seen:?}");
        assert!(seen[5..].contains(&429), "{seen:?}");
    })
    .await;
}

#[tokio::test]
async fn one_address_cannot_try_many_names() {
    with_store(async |store| {
        let api = Api::new(&store);
        api.user("anna", "user").await;
        let filled = "UPDATE login_attempts SET failures = 30, locked_until = 9000000000000 \
                      WHERE scope = 'login//192.0.2.1'";
        store.execute_for_tests(filled.to_owned()).await;
        let login = json!({"username": "anna", "password": PASSWORD});
        let answer = api.call_as(None, "POST", "/auth/login", login).await;
        assert_eq!(answer.status, 429, "{}", answer.text);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    with_store(async |store| {
        let api = Api::new(&store);
        let first = api.user("anna", "user").await;
        let other = api.sign_in("anna").await;
        let refresh = async |token: &str| {
            let body = json!({"refresh_token": token});
            api.call_as(None, "POST", "/auth/refresh", body).await
        };
        let works = async |session: &SignedIn| {
            let me = api
                .call_as(Some(&session.access), "GET", "/self", Value::Null)
                .await;
            assert!(matches!(me.status, 200 | 401), "{}", me.text);
            me.status == 200
        };
        let answer = refresh(&first.refresh).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let second = SignedIn::read(&answer);
        assert_ne!(second.refresh, first.refresh);
        assert!(works(&first).await && works(&second).await);

        // Somebody has a copy of the first one: nobody knows who is who, so both are out.
        assert_eq!(refresh(&first.refresh).await.status, 401);
        assert_eq!(refresh(&second.refresh).await.status, 401);
        assert!(!works(&first).await && !works(&second).await);
        assert!(works(&other).await, "another session of the same user");

        for bad in [
            "",
            "x",
            "x.y",
            &other.access,
            &format!("{}x", other.refresh),
        ] {
            assert!(matches!(refresh(bad).await.status, 400 | 401), "{bad}");
        }
        assert!(
            !works(&other).await,
            "its last guess was about this session"
        );
    })
    .await;
}

#[tokio::test]
async fn of_two_that_refresh_at_once_one_is_a_copy() {
    with_store(async |store| {
        let api = Api::new(&store);
        let session = api.user("anna", "user").await;
        let body = json!({"refresh_token": session.refresh});
        let refresh = || api.call_as(None, "POST", "/auth/refresh", body.clone());
        let (one, two) = tokio::join!(refresh(), refresh());
        let mut both = [one.status, two.status];
        both.sort_unstable();
        assert_eq!(both, [200, 401]);
        let me = api.call_as(Some(&session.access), "GET", "/self", Value::Null);
        assert_eq!(me.await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn what_ends_sessions_ends_them_at_once() {
    with_store(async |store| {
        let api = Api::new(&store);
        let check = async |session: &SignedIn, expected: u16| {
            let me = api.call_as(Some(&session.access), "GET", "/self", Value::Null);
            assert_eq!(me.await.status, expected);
            if expected == 401 {
                let body = json!({"refresh_token": session.refresh});
                let refreshed = api.call_as(None, "POST", "/auth/refresh", body).await;
                assert_eq!(refreshed.status, 401, "{}", refreshed.text);
            }
        };
        let post = async |session: &SignedIn, path: &str, body: Value| {
            let answer = api.call_as(Some(&session.access), "POST", path, body).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            answer
        };
        let first = api.user("anna", "user").await;
        let second = api.sign_in("anna").await;
        post(&first, "/auth/logout", Value::Null).await;
        check(&first, 401).await;
        check(&second, 200).await;
        let third = api.sign_in("anna").await;
        let ended = post(&third, "/auth/logout_all", Value::Null).await;
        assert_eq!(ended.envelope["message"], "");
        check(&second, 401).await;
        check(&third, 401).await;

        // A new password, by who knows the old one.
        let session = api.sign_in("anna").await;
        let body = |old: &str| json!({"old_password": old, "new_password": "another long one"});
        let path = "/self/password";
        let wrong = api
            .call_as(Some(&session.access), "POST", path, body("wrong one"))
            .await;
        assert_eq!(wrong.status, 401, "{}", wrong.text);
        let identity = json!({"issuer": "https://issuer.example", "subject": "s"});
        let identities = format!("/user/{}/identities", session.id);
        api.ok("POST", &identities, identity).await;
        let renewed = post(&session, path, body(PASSWORD)).await;
        // It does not end what a thief may have added.
        let message = renewed.envelope["message"].as_str().unwrap();
        assert!(message.contains("/api/self/identities"), "{message}");
        let renewed = SignedIn::read(&renewed);
        check(&session, 401).await;
        check(&renewed, 200).await;
        let login = json!({"username": "anna", "password": PASSWORD});
        assert_eq!(
            api.call_as(None, "POST", "/auth/login", login).await.status,
            401
        );

        // And by an administrator, as with everything that is about what a user may do.
        let id = renewed.id;
        let mut session = renewed;
        for (change, ends) in [
            (json!({"password": PASSWORD}), true),
            (json!({"email": "a@b.example"}), false),
            (json!({"role": "user", "status": 1}), false),
            (json!({"role": "read_only"}), true),
        ] {
            api.ok("PUT", &format!("/user/{id}"), change).await;
            check(&session, if ends { 401 } else { 200 }).await;
            session = api.sign_in("anna").await;
        }
        api.ok("POST", &format!("/user/{id}/logout"), Value::Null)
            .await;
        check(&session, 401).await;
        let session = api.sign_in("anna").await;
        api.ok("DELETE", &format!("/user/{id}"), Value::Null).await;
        check(&session, 401).await;
    })
    .await;
}

#[tokio::test]
async fn control_planes_on_one_database_take_each_others_tokens() {
    on_each_database(async |database| {
        let (one, two) = (database.open().await, database.open().await);
        let (one, two) = (Api::new(&one), Api::new(&two));
        let session = one.user("anna", "user").await;
        let me = async |api: &Api| {
            let answer = api.call_as(Some(&session.access), "GET", "/self", Value::Null);
            answer.await.status
        };
        assert_eq!((me(&one).await, me(&two).await), (200, 200));
        let with_another = State::new(two.store.clone(), Secret::new(KEY))
            .with_jwt_secret(Some(Secret::new("another secret of 32 characters.")));
        let other = Api {
            router: router(with_another),
            store: two.store.clone(),
        };
        assert_eq!(me(&other).await, 401);
        let ended = two.call_as(Some(&session.access), "POST", "/auth/logout", Value::Null);
        assert_eq!(ended.await.status, 200);
        assert_eq!((me(&one).await, me(&two).await), (401, 401));
    })
    .await;
}

#[tokio::test]
async fn who_is_gone_when_the_body_is_there_changes_nothing() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = api.user("anna", "user").await;
        let (sender, receiver) = mpsc::channel(1);
        let request = Request::builder()
            .method("POST")
            .uri("/api/keys?auto_create_group=true")
            .header("authorization", format!("Bearer {}", anna.access))
            .body(Body::from_stream(ReceiverStream::new(receiver)))
            .unwrap();
        let piece = |text: &str| Ok::<_, Infallible>(text.to_owned());
        let removed_meanwhile = async {
            sender.send(piece(r#"{"name":"#)).await.unwrap();
            // There is room for another piece when this one is read: the head was looked at before.
            drop(sender.reserve().await.unwrap());
            let path = format!("/user/{}", anna.id);
            api.ok("DELETE", &path, Value::Null).await;
            sender.send(piece(r#""left"}"#)).await.unwrap();
            drop(sender);
        };
        let (answer, ()) = tokio::join!(api.send(request), removed_meanwhile);
        assert_eq!(answer.status, 401, "{}", answer.text);
        assert_eq!(api.get("/tokens/").await["total"], 0);
        assert_eq!(api.get("/groups/").await["total"], 0);
        assert_eq!(api.get("/audit_logs?actor=anna").await["total"], 0);
    })
    .await;
}
