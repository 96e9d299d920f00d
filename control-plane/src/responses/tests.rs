use super::*;
use crate::domain::GroupPatch;
use crate::store::testing::with_store;

const RETENTION: Duration = Duration::from_secs(3_600);

fn id(began_unix_ms: i64) -> String {
    responses::id(&format!("{began_unix_ms:012x}{:020x}", 7))
}

fn stored(id: &str) -> Stored {
    Stored {
        id: id.into(),
        group: "g".into(),
        input: "[]".into(),
        response: r#"{"output":[1]}"#.into(),
        ..Stored::default()
    }
}

async fn ask(responses: &Responses, group: &str, id: &str, kind: call::Kind) -> answer::Kind {
    let call = Call {
        group: group.into(),
        id: id.into(),
        kind: Some(kind),
    };
    let answer = responses.answer(&call).await.unwrap();
    answer.kind.unwrap()
}

fn kinds() -> [call::Kind; 4] {
    [
        call::Kind::History(responses::History { max_bytes: 100 }),
        call::Kind::Show(Nothing {}),
        call::Kind::InputItems(responses::InputItems {
            limit: 20,
            ..Default::default()
        }),
        call::Kind::Delete(Nothing {}),
    ]
}

async fn with_responses(test: impl AsyncFn(Responses)) {
    with_store(async |store| {
        store
            .create_group("g", GroupPatch::default())
            .await
            .unwrap();
        test(Responses::new(store, RETENTION)).await;
    })
    .await;
}

#[tokio::test]
async fn every_call_is_answered_for_its_own_tenant_alone() {
    with_responses(async |responses| {
        // Old enough that nothing is waited for.
        let id = id(1);
        responses.keep(&[stored(&id)]).await.unwrap();
        let missing = answer::Kind::NotFound(Nothing {});
        for kind in kinds() {
            assert_eq!(ask(&responses, "h", &id, kind.clone()).await, missing);
            assert_eq!(ask(&responses, "g", "resp_x", kind).await, missing);
        }
        let mut answers = Vec::new();
        for kind in kinds() {
            match ask(&responses, "g", &id, kind).await {
                answer::Kind::Json(json) => answers.push(json),
                other => panic!("{other:?}"),
            }
        }
        let deleted = format!(r#"{{"deleted":true,"id":"{id}","object":"response"}}"#);
        let empty =
            r#"{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}"#;
        assert_eq!(answers, ["[1]", r#"{"output":[1]}"#, empty, &deleted]);
        for kind in kinds() {
            assert_eq!(ask(&responses, "g", &id, kind).await, missing, "deleted");
        }
    })
    .await;
}

#[tokio::test]
async fn a_young_response_is_waited_for() {
    with_responses(async |responses| {
        let id = id(now_unix_ms());
        let waiting = tokio::spawn({
            let (responses, id) = (responses.clone(), id.clone());
            async move { ask(&responses, "g", &id, call::Kind::Show(Nothing {})).await }
        });
        while responses.kept.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished());
        responses.keep(&[stored(&id)]).await.unwrap();
        assert!(matches!(waiting.await.unwrap(), answer::Kind::Json(_)));
    })
    .await;
}

#[tokio::test]
async fn what_does_not_come_is_not_waited_for_for_long() {
    with_responses(async |responses| {
        let young = id(now_unix_ms());
        let began = Instant::now();
        let answer = ask(&responses, "g", &young, call::Kind::Show(Nothing {})).await;
        assert_eq!(answer, answer::Kind::NotFound(Nothing {}));
        let waited = began.elapsed();
        assert!(waited >= PATIENCE && waited < 2 * PATIENCE, "{waited:?}");
    })
    .await;
}

#[tokio::test]
async fn without_retention_nothing_is_kept() {
    with_store(async |store| {
        store
            .create_group("g", GroupPatch::default())
            .await
            .unwrap();
        let responses = Responses::new(store.clone(), Duration::ZERO);
        responses.keep(&[stored(&id(1))]).await.unwrap();
        assert!(store.response("g", &id(1), 0).await.is_err());
    })
    .await;
}
