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
