//! Who gets in.

use super::*;

#[tokio::test]
async fn without_the_key_there_is_nothing() {
    with_store(async |store| {
        let api = Api::new(&store);
        let check = async |header: Option<&str>, path: &str, expected: u16| {
            let mut request = Request::builder().uri(path);
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let answer = api.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(
                answer.status, expected,
                "{header:?} {path}: {}",
                answer.text
            );
            assert_eq!(answer.envelope["success"], expected == 200);
        };
        let bearer = format!("Bearer {KEY}");
        check(Some(KEY), "/api/channels/", 200).await;
        check(Some(&bearer), "/api/channels/", 200).await;
        check(Some(&format!("bearer  {KEY}")), "/api/channels", 200).await;
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "x",
            "Basic eA==",
            KEY.trim_start_matches('a'),
            &format!("{KEY}x"),
        ] {
            check(Some(wrong), "/api/channels/", 401).await;
        }
        let with_query = format!("/api/channels/?key={KEY}");
        for path in [
            &with_query,
            "/api/channels/",
            "/api/none",
            "/api/",
            "/api",
            "/api/token/a/1",
        ] {
            check(None, path, 401).await;
        }
        check(Some(KEY), "/api/none", 404).await;
        check(Some(KEY), "/api/channel/1/none", 404).await;

        let two = Request::builder()
            .uri("/api/channels/")
            .header("authorization", KEY);
        let two = two
            .header("authorization", "x")
            .body(Body::empty())
            .unwrap();
        assert_eq!(api.send(two).await.status, 401);
        for method in [Method::HEAD, Method::OPTIONS, Method::DELETE] {
            let request = Request::builder().method(method).uri("/api/channels/");
            let response = api
                .router
                .clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await;
            assert_eq!(response.unwrap().status(), StatusCode::UNAUTHORIZED);
        }
    })
    .await;
}

#[tokio::test]
async fn guesses_at_a_short_admin_key_have_to_wait() {
    with_store(async |store| {
        const SHORT: &str = "canary";
        let state = State::new(store.clone(), Secret::new(SHORT));
        let api = Api {
            router: router(state),
            store: store.clone(),
        };
        let ask = async |key: &str, from: &str| {
            let request = Request::builder()
                .uri("/api/channels/")
                .header("authorization", format!("Bearer {key}"))
                .header("x-forwarded-for", from)
                .body(Body::empty());
            api.send(request.unwrap()).await.status
        };
        // A page that was left open shows a token that was one: it guesses nothing.
        let new = json!({"username": "anna", "password": PASSWORD}).to_string();
        let request = Request::post("/api/users/").header("authorization", SHORT);
        api.send(request.body(new.into()).unwrap()).await;
        let ended = api.sign_in("anna").await.access;
        store
            .execute_for_tests("DELETE FROM sessions".to_owned())
            .await;
        for _ in 0..101 {
            assert_eq!(ask(&ended, "192.0.2.7").await, 401);
        }
        for guess in 0..100 {
            let guess = format!("guess {guess}");
            assert_eq!(ask(&guess, "192.0.2.7").await, 401, "{guess}");
        }
        let lock = "UPDATE login_attempts SET locked_until = 9000000000000 \
                    WHERE scope = 'admin//192.0.2.7' AND failures = 100 AND locked_until > 0";
        store.execute_for_tests(lock.to_owned()).await;
        for key in [SHORT, "canarY"] {
            assert_eq!(ask(key, "192.0.2.7").await, 429, "{key}");
        }
        assert_eq!(ask(SHORT, "192.0.2.8").await, 200);
        let anna = api.sign_in("anna").await.access;
        // Whoever signs in is let in: an ordinary user has no channels.
        assert_eq!(ask(&anna, "192.0.2.7").await, 403);

        // A key that nobody guesses is never kept waiting.
        let api = Api::new(&store);
        for from in ["192.0.2.7", "192.0.2.8"] {
            let request = Request::builder()
                .uri("/api/channels/")
                .header("authorization", KEY)
                .header("x-forwarded-for", from)
                .body(Body::empty());
            assert_eq!(api.send(request.unwrap()).await.status, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn who_asks_too_often_waits_and_nobody_else() {
    with_store(async |store| {
        let api = three_a_minute(&store);
        let ask = async |who: &str, path: &str, from: &str| {
            let request = Request::builder()
                .uri(format!("/api{path}"))
                .header("authorization", who)
                .header("x-forwarded-for", from)
                .body(Body::empty());
            let answer = api.router.clone().oneshot(request.unwrap()).await.unwrap();
            let wait = answer.headers().get("retry-after").is_some();
            assert_eq!(wait, answer.status() == 429, "{who} {path} {from}");
            answer.status().as_u16()
        };
        let mut users = Vec::new();
        for name in ["anna", "bert"] {
            users.push(api.user(name, "user").await.access);
        }
        let [anna, bert] = users.try_into().unwrap();
        // Who is refused is counted as well.
        for (path, status) in [
            ("/self", 200),
            ("/users/", 403),
            ("/self", 200),
            ("/self", 429),
            ("/users/", 429),
        ] {
            assert_eq!(ask(&anna, path, "192.0.2.7").await, status, "{path}");
        }
        assert_eq!(ask(&anna, "/self", "192.0.2.8").await, 429);
        for status in [401, 401, 401, 429] {
            assert_eq!(ask("x", "/users/", "192.0.2.7").await, status);
        }
        assert_eq!(ask("x", "/auth/methods", "192.0.2.7").await, 429);
        assert_eq!(ask("x", "/auth/methods", "192.0.2.8").await, 200);
        assert_eq!(ask(&bert, "/self", "192.0.2.7").await, 200);
        for _ in 0..10 {
            assert_eq!(ask(KEY, "/users/", "192.0.2.7").await, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn strangers_at_ones_address_keep_no_session_from_going_on() {
    with_store(async |store| {
        let api = three_a_minute(&store);
        let refresh = async |body: Value| api.call_as(None, "POST", "/auth/refresh", body).await;
        let mut anna = api.user("anna", "user").await;
        for (body, status) in [
            (json!({}), 400),
            (json!({"refresh_token": "00.invented"}), 401),
            (json!({"refresh_token": "00.invented"}), 429),
            (json!({}), 429),
        ] {
            assert_eq!(refresh(body).await.status, status);
        }
        for _ in 0..3 {
            let answer = refresh(json!({"refresh_token": anna.refresh})).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            anna = SignedIn::read(&answer);
        }
        let fourth = refresh(json!({"refresh_token": anna.refresh})).await;
        assert_eq!(fourth.status, 429, "{}", fourth.text);
    })
    .await;
}

fn three_a_minute(store: &Store) -> Api {
    let state = State::new(store.clone(), Secret::new(KEY)).with_rate(3);
    Api {
        router: router(state),
        store: store.clone(),
    }
}

#[tokio::test]
async fn others_can_add_guarded_routes() {
    with_store(async |store| {
        let state = State::new(store, Secret::new(KEY));
        let more = Router::new().route("/api/gateways", axum::routing::get(async || "yes"));
        let all = router(state.clone()).merge(guard(&state, more));
        for (key, expected) in [(KEY, 200), ("x", 401)] {
            let request = Request::builder()
                .uri("/api/gateways")
                .header("authorization", key);
            let response = all
                .clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await;
            assert_eq!(response.unwrap().status().as_u16(), expected);
        }
    })
    .await;
}
