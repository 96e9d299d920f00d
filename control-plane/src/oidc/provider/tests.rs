use std::cell::Cell;

use super::*;
use crate::oidc::metadata::Endpoint;
use crate::outbound::Reach;

fn found(name: &str) -> (Metadata, Keys) {
    let url = Url::parse(&format!("https://{name}.example/")).unwrap();
    let endpoint = Endpoint {
        url: url.clone(),
        reach: Reach::Public,
    };
    let metadata = Metadata {
        authorization: url,
        token: endpoint.clone(),
        keys: endpoint,
        secret_in_form: false,
        names_itself: false,
    };
    (metadata, Keys::default())
}

#[tokio::test]
async fn what_is_known_outlives_a_provider_that_is_away() {
    let mut read = Read::default();
    let calls = Cell::new(0);
    let mut now = Instant::now();
    // How long it was waited, whether the provider is there, what is known, calls so far.
    for (waited, there, known, made) in [
        (Duration::ZERO, None, None, 1),
        // It is there again, and nobody asks yet.
        (PAUSE / 2, Some("a"), None, 1),
        (PAUSE, Some("a"), Some("a"), 2),
        (FRESH / 2, None, Some("a"), 2),
        (FRESH, None, Some("a"), 3),
        (PAUSE / 2, Some("b"), Some("a"), 3),
        (PAUSE, None, Some("a"), 4),
        (PAUSE, Some("b"), Some("b"), 5),
        (Duration::ZERO, None, Some("b"), 5),
    ] {
        now += waited;
        let fetch = async || {
            calls.set(calls.get() + 1);
            there.map(found).ok_or(Error::Status {
                what: "its discovery document",
                status: 503,
                code: String::new(),
            })
        };
        match read.known(|| now, fetch).await {
            Ok(now) => {
                let name = now.metadata.authorization.host_str().unwrap_or_default();
                assert_eq!(name.strip_suffix(".example"), known, "{waited:?}");
            }
            Err(error) => {
                assert_eq!(known, None, "{waited:?}");
                assert!(error.passes() && error.to_string().contains("answers 503"));
            }
        }
        assert_eq!(calls.get(), made, "{waited:?}");
    }
}
