//! Keys that are more than a key.

use super::*;
use crate::domain::google_key::tests::service_account;

/// What each form of key makes of a channel: host, header of its key, region of its signature.
#[test]
fn clouds_take_more_than_a_key() {
    let account = service_account();
    let account = format!("europe-west1|{account}");
    for (kind, key, host, header, region) in [
        (
            33,
            "ABSK",
            "bedrock-runtime.us-east-1.amazonaws.com",
            "authorization: Bearer ABSK",
            "",
        ),
        (
            33,
            "eu-west-3|ABSK",
            "bedrock-runtime.eu-west-3.amazonaws.com",
            "authorization: Bearer ABSK",
            "",
        ),
        (
            1012,
            "eu-west-3|AKIA|secret",
            "bedrock-runtime.eu-west-3.amazonaws.com",
            "",
            "eu-west-3",
        ),
        (
            1012,
            "|AKIA|secret",
            "bedrock-runtime.us-east-1.amazonaws.com",
            "",
            "us-east-1",
        ),
        (
            1011,
            "europe-west1|p-1|AIza",
            "europe-west1-aiplatform.googleapis.com",
            "x-goog-api-key: AIza",
            "",
        ),
        (
            42,
            account.as_str(),
            "europe-west1-aiplatform.googleapis.com",
            "authorization: Bearer access-token",
            "",
        ),
    ] {
        let plan = plan_of(&[channel(1, kind, "", key)]);
        assert_eq!(plan.left_out, [], "{kind}");
        let upstream = &plan.upstreams[0];
        let sent = upstream.credential.as_ref();
        let sent = sent.map(|it| format!("{}: {}{}", it.header, it.prefix, it.key.expose()));
        let signed = upstream.signing.as_ref().map(|it| it.region.clone());
        assert_eq!(
            (
                upstream.host.as_str(),
                sent.unwrap_or_default(),
                signed.unwrap_or_default()
            ),
            (host, header.to_owned(), region.to_owned()),
        );
    }
    let unfit = plan_of(&[channel(1, 33, "", "a|b|c|d|e"), channel(2, 42, "", "AIza")]);
    let reasons: Vec<_> = unfit.left_out.iter().map(|(_, reason)| &**reason).collect();
    assert!(
        reasons[0].starts_with("its key must be region|"),
        "{reasons:?}"
    );
    assert_eq!(reasons[1], "it needs configs.project_id");
}

#[test]
fn a_channel_whose_token_is_not_there_is_left_out() {
    let account = service_account();
    let channels = [channel(1, 42, "", &account), channel(2, 1, "", "k")];
    assert_eq!(google_keys(&channels).len(), 1);
    let token = |_: &GoogleKey| Err("its access token is being fetched".to_owned());
    let plan = plan(
        &channels,
        &[],
        &settings(),
        ([127, 0, 0, 1], 7).into(),
        &token,
    );
    assert_eq!(
        plan.left_out,
        [(1, "its access token is being fetched".to_owned())]
    );
    assert_eq!(plan.upstreams.len(), 1);
}
