//! Every route with every role, from the OpenAPI document (which a test proves to have every route).

use super::openapi::committed;
use super::*;
use crate::gateways::{self, Registry};

/// What nobody is asked for.
const ANYONE: [&str; 8] = [
    "/status",
    "/auth/methods",
    "/auth/register",
    "/auth/login",
    "/auth/refresh",
    "/auth/oidc/login",
    "/auth/oidc/callback",
    "/auth/oidc/session",
];

/// What everybody may do who is signed in.
const SIGNED_IN: [&str; 3] = ["/auth/logout", "/auth/logout_all", "/self/password"];

/// What changes nothing, although it is not `GET`.
const QUESTIONS: [&str; 3] = [
    "/channels/batch_info",
    "/model_configs/contains",
    "/monitor/batch_group_token_metrics",
];

/// What administrators see and read-only users do not; a reason stands beside each.
const NOT_FOR_READERS: [&str; 6] = [
    // They are calls, which somebody pays for.
    "/channels/test",
    "/channel/{id}/test",
    "/channel/{id}/test/",
    "/channel/{id}/test/{model}",
    // Providers are asked, with channels' keys.
    "/channel/{id}/update_balance",
    "/channels/update_balance",
];

/// What is 503 where no gateway is.
const NEEDS_GATEWAY: [&str; 2] = ["/status", "/channels/test"];

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    User,
    ReadOnly,
    Administrator,
    AdminKey,
}

/// Said here once more, in other words than the router's and the document's. A new route that is for
/// more people than administrators must be in line with this.
fn may(who: Who, method: &str, path: &str) -> bool {
    let own = path.starts_with("/self") || path.starts_with("/keys");
    let reads = matches!(method, "GET" | "HEAD");
    if ANYONE.contains(&path) {
        return true;
    }
    if SIGNED_IN.contains(&path) {
        return matches!(who, Who::User | Who::ReadOnly | Who::Administrator);
    }
    match who {
        Who::Nobody => false,
        Who::User => own,
        Who::ReadOnly if NOT_FOR_READERS.contains(&path) => false,
        Who::ReadOnly => reads || QUESTIONS.contains(&path),
        Who::Administrator => true,
        Who::AdminKey => !own,
    }
}

impl Who {
    /// As `x-roles` has it.
    fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::User => "user",
            Self::ReadOnly => "read_only",
            Self::Administrator => "administrator",
            Self::AdminKey => "admin_key",
        }
    }
}

impl Api {
    /// The API with the routes that other parts of the control plane add to it.
    fn whole(store: &Store) -> Self {
        let state = State::new(store.clone(), Secret::new(KEY));
        let registry = Registry::new();
        let guarded = gateways::admin_routes(registry.clone(), store.clone());
        let router = router(state.clone())
            .merge(guard_as(&state, Allowed::READ, guarded))
            .merge(gateways::public_routes(registry));
        Self {
            router,
            store: store.clone(),
        }
    }

    /// The status alone: an answer to `HEAD` has no envelope.
    async fn raw(&self, key: &str, method: &str, path: &str) -> u16 {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api{path}"))
            .header("authorization", key)
            .body(Body::empty())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        response.status().as_u16()
    }
}

#[tokio::test]
async fn every_route_refuses_every_role_that_may_not() {
    with_store(async |store| {
        let api = Api::whole(&store);
        let user = api.user("anna", "user").await;
        let reader = api.user("reader", "read_only").await;
        let administrator = api.user("boss", "administrator").await;
        let everybody = [
            (Who::Nobody, None),
            (Who::User, Some(user.access.as_str())),
            (Who::ReadOnly, Some(&reader.access)),
            (Who::Administrator, Some(&administrator.access)),
            (Who::AdminKey, Some(KEY)),
        ];
        let document = committed();
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() > 100, "{paths:?}");
        for (path, operations) in paths {
            let path = path.strip_prefix("/api").unwrap().to_owned();
            // Of nothing that is there.
            let concrete = path
                .replace("{id}", "999999")
                .replace("{group}", "nobodys")
                .replace("{model}", "none")
                .replace("{set}", "none")
                .replace("{type}", "1")
                .replace("{name}", "none");
            assert!(!concrete.contains('{'), "{path}: say what stands for it");
            for method in METHODS {
                for (who, key) in everybody {
                    let reads = matches!(method, "GET" | "HEAD");
                    let may = may(who, method, &path);
                    if let Some(roles) =
                        operations[method.to_ascii_lowercase()]["x-roles"].as_array()
                    {
                        let named = |role: &str| roles.iter().any(|known| known == role);
                        let says = named("anyone") || named(who.name());
                        assert_eq!(says, may, "{who:?} {method} {path}: x-roles are {roles:?}");
                    }
                    if may && !reads {
                        // It would be done; other tests do it.
                        continue;
                    }
                    let status = api.raw(key.unwrap_or_default(), method, &concrete).await;
                    let what = format!("{who:?} {method} {path}: {status}");
                    match (may, who) {
                        // It cannot be read at all.
                        (true, Who::ReadOnly) if status == 403 => {
                            let answer = api.raw(KEY, method, &concrete).await;
                            assert_eq!(answer, 405, "{what}: say in routes() that it is read");
                        }
                        // No gateway is there.
                        (true, _) if NEEDS_GATEWAY.contains(&path.as_str()) && status == 503 => {}
                        (true, _) => assert!(!matches!(status, 401 | 403 | 500..), "{what}"),
                        (false, Who::Nobody) => assert_eq!(status, 401, "{what}"),
                        (false, _) => assert!(matches!(status, 403 | 405), "{what}"),
                    }
                    // Whether the method is known is told to those only who may use the path.
                    let users_own = path.starts_with("/self")
                        || path.starts_with("/keys")
                        || SIGNED_IN.contains(&path.as_str());
                    if status == 405 && !may {
                        assert!(who == Who::AdminKey && users_own, "{what}");
                    }
                }
            }
        }
        // Nothing was changed by all that.
        assert_eq!(api.get("/users/").await["total"], 3);
        assert_eq!(api.get("/audit_logs/?route=/api/users/").await["total"], 3);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_tells_nobody_anything() {
    with_store(async |store| {
        let api = Api::new(&store);
        let user = api.user("anna", "user").await;
        for path in ["/none", "/channel/1/none", "/", ""] {
            let answer = api
                .call_as(Some(&user.access), "GET", path, Value::Null)
                .await;
            assert_eq!(answer.status, 403, "{path}");
            assert_eq!(
                api.call_as(None, "GET", path, Value::Null).await.status,
                401
            );
        }
        let reader = api.user("reader", "read_only").await;
        let state = State::new(store, Secret::new(KEY));
        let more = || {
            Router::new().route(
                "/api/more",
                axum::routing::get(async || "yes").post(async || "yes"),
            )
        };
        for (allowed, who, method, expected) in [
            (Allowed::READ, &reader.access, "GET", 200),
            (Allowed::READ, &reader.access, "POST", 403),
            (Allowed::ADMINISTRATORS, &reader.access, "GET", 403),
            (Allowed::READ, &user.access, "GET", 403),
        ] {
            // The secret of access tokens is in the database, so that they all have the same.
            let router = guard_as(&state, allowed, more());
            let request = Request::builder()
                .method(method)
                .uri("/api/more")
                .header("authorization", who)
                .body(Body::empty())
                .unwrap();
            let status = router.oneshot(request).await.unwrap().status().as_u16();
            assert_eq!(status, expected, "{allowed:?} {method}");
        }
    })
    .await;
}
