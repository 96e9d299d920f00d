//! Users, as administrators manage them.

use super::*;

#[tokio::test]
async fn users_come_and_go_with_their_groups() {
    with_store(async |store| {
        let api = Api::new(&store);
        let new = json!({"username": "Anna", "password": PASSWORD, "email": "a@b.example"});
        let made = api.ok("POST", "/users/", new.clone()).await;
        assert_eq!(
            (&made["username"], &made["role"], &made["last_login_at"]),
            (&json!("anna"), &json!("user"), &json!(0))
        );
        let (id, group) = (&made["id"], made["group"].as_str().unwrap());
        api.refused("POST", "/user/", new, 409, "anna is taken")
            .await;
        assert_eq!(api.get(&format!("/user/{id}")).await, made);

        api.user("boss", "administrator").await;
        let total = async |query: &str| api.get(query).await["total"].as_i64().unwrap();
        for (query, expected) in [
            ("/users/", 2),
            ("/users?role=administrator", 1),
            ("/users/?username=ANNA", 1),
            ("/users/?status=2", 0),
            ("/users/search?keyword=B.EXAMPLE", 1),
            (&format!("/users/?group={group}"), 1),
        ] {
            assert_eq!(total(query).await, expected, "{query}");
        }
        let changed = api
            .ok(
                "PUT",
                &format!("/user/{id}"),
                json!({"email": "", "role": "read_only"}),
            )
            .await;
        assert_eq!(
            (&changed["email"], &changed["role"]),
            (&json!(""), &json!("read_only"))
        );
        // As it is shown, it can be sent back.
        assert_eq!(
            api.ok("PUT", &format!("/user/{id}"), changed.clone()).await,
            changed
        );

        // A user who is switched off is so with all keys.
        api.ok("POST", &format!("/token/{group}"), json!({"name": "t"}))
            .await;
        api.ok("POST", &format!("/user/{id}/status"), json!({"status": 2}))
            .await;
        assert_eq!(api.get(&format!("/group/{group}")).await["status"], 2);
        let login = json!({"username": "anna", "password": PASSWORD});
        let refused = api.call_as(None, "POST", "/auth/login", login).await;
        assert_eq!(refused.status, 401, "{}", refused.text);
        assert!(
            refused.text.contains("user name or the password"),
            "{}",
            refused.text
        );
        api.ok("POST", &format!("/user/{id}/status"), json!({"status": 1}))
            .await;
        assert_eq!(api.get(&format!("/group/{group}")).await["status"], 1);

        // So is one who begins like that.
        let off = json!({"username": "off", "password": PASSWORD, "status": 2});
        let off = api.ok("POST", "/users/", off).await;
        let path = format!("/group/{}", off["group"].as_str().unwrap());
        assert_eq!(api.get(&path).await["status"], 2);

        api.refused(
            "DELETE",
            &format!("/group/{group}"),
            Value::Null,
            409,
            "belongs to a user",
        )
        .await;
        api.ok("POST", "/users/batch_delete", json!([id])).await;
        assert_eq!(api.get("/tokens/").await["total"], 0);
        api.refused(
            "GET",
            &format!("/group/{group}"),
            Value::Null,
            404,
            "not exist",
        )
        .await;
        // The name may be somebody else's now; the group is another one.
        let again = api.user("anna", "user").await;
        assert_ne!(again.group, group);
    })
    .await;
}

#[tokio::test]
async fn bad_users_are_refused() {
    with_store(async |store| {
        let api = Api::new(&store);
        for (field, value, words) in [
            ("username", Value::Null, "username is required"),
            ("username", json!("a b c"), "username must be 3 to 32"),
            ("password", Value::Null, "password is required"),
            ("password", json!("123456789"), "10 characters or more"),
            (
                "role",
                json!("root"),
                "role must be one of administrator, user, read_only",
            ),
            ("status", json!(7), "status must be"),
            ("email", json!("a@b"), "email must be"),
            ("admin", json!(true), "admin is not a field"),
        ] {
            let mut new = json!({"username": "anna", "password": PASSWORD});
            new[field] = value;
            api.refused("POST", "/users/", new, 400, words).await;
        }
        let made = api.user("anna", "user").await;
        let path = format!("/user/{}", made.id);
        api.refused(
            "PUT",
            &path,
            json!({"username": "bert"}),
            400,
            "cannot be changed",
        )
        .await;
        for (method, path, body) in [
            ("GET", "/user/99", Value::Null),
            ("PUT", "/user/99", json!({})),
            ("DELETE", "/user/99", Value::Null),
            ("POST", "/user/99/status", json!({"status": 1})),
            ("POST", "/user/99/logout", Value::Null),
            ("POST", "/users/batch_delete", json!([99])),
        ] {
            api.refused(method, path, body, 404, "user 99 does not exist")
                .await;
        }
    })
    .await;
}
