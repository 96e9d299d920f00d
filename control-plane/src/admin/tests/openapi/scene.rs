//! What is there while routes are asked what they know.

use super::super::*;
use crate::admin::Access;

/// One of everything, so that there is something to ask about.
pub(super) struct Scene;

impl Scene {
    const GROUP: &'static str = "sample";

    pub(super) async fn set(api: &Api) -> Self {
        let channel =
            json!({ "type": 1, "name": "sample", "key": "sk-sample", "models": ["sample"] });
        let service = json!({ "name": "sample", "url": "https://example.com", "secret": "sample" });
        for (path, body) in [
            ("/channel/", channel),
            ("/group/sample", json!({})),
            ("/token/sample", json!({ "name": "sample" })),
            ("/model_config/sample", json!({})),
            ("/group/sample/model_config/sample", json!({})),
            ("/group/sample/wallet", json!({})),
            ("/redemption_codes/", json!({ "amount": 1 })),
            ("/balance_services/", service),
            ("/ip_blacklist/", json!({ "address": "203.0.113.9" })),
        ] {
            api.ok("POST", path, body).await;
        }
        let open = json!({ "value": true });
        api.ok("PUT", "/option/RegistrationEnabled", open).await;
        api.user("sample", "user").await;
        Self
    }

    /// A path to something that is there.
    pub(super) fn concrete(route: &str) -> String {
        let concrete = route
            .replace("{id}", "1")
            .replace("{type}", "1")
            .replace("{group}", Self::GROUP)
            .replace("{*model}", "sample")
            .replace("{set}", "default")
            .replace("{name}", "RetryTimes");
        assert!(
            !concrete.contains('{'),
            "{route}: say in Scene::concrete what stands for it"
        );
        concrete
    }

    pub(super) async fn key(&self, api: &Api, access: Access) -> String {
        match access {
            Access::Owners | Access::SignedIn => api.sign_in("sample").await.access,
            Access::Administrators | Access::Readers | Access::Anyone => KEY.to_owned(),
        }
    }
}
