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
        call::Kind::History(responses::History {
            max_bytes: 100,
            ..Default::default()
        }),
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

#[tokio::test]
async fn items_are_found_by_their_ids() {
    with_responses(async |responses| {
        let (first, second) = (id(1), id(2));
        let kept = |id: &str, input: &str, output: &str| Stored {
            input: input.into(),
            response: format!(r#"{{"output":{output}}}"#),
            ..stored(id)
        };
        let said = r#"{"type":"message","id":"msg_tgX_0","status":"completed","role":"assistant","content":[]}"#;
        let item_of = |response: &str| response.replacen("resp_", "msg_", 1);
        let output = |response: &str| format!("[{}]", said.replace("msg_tgX", &item_of(response)));
        let all = [
            kept(&first, r#"[{"role":"user","content":"a"}]"#, &output(&first)),
            kept(&second, "[]", &output(&second)),
        ];
        responses.keep(&all).await.unwrap();
        let history = |references: Vec<String>| {
            call::Kind::History(responses::History {
                max_bytes: 1_000,
                references,
                writer: String::new(),
            })
        };
        let (one, two) = (
            format!("{}_0", item_of(&second)),
            format!("{}_in0", item_of(&first)),
        );
        let both = history(vec![one.clone(), two.clone()]);
        let answer::Kind::Context(context) = ask(&responses, "g", "", both.clone()).await else {
            panic!("no context");
        };
        let said = said.replace("msg_tgX_0", &one);
        assert!(context.starts_with(&format!("[[],[{said},{{")), "{context}");
        assert!(context.contains(r#""text":"a""#), "{context}");
        let answer::Kind::Context(context) = ask(&responses, "g", &first, both.clone()).await
        else {
            panic!("no context");
        };
        assert!(context.starts_with(r#"[[{"role":"user","content":"a"},{"#), "{context}");

        let refused = |kind: answer::Kind| match kind {
            answer::Kind::Refused(json) => {
                let refused: responses::Refused = serde_json::from_str(&json).unwrap();
                (refused.status, refused.message)
            }
            other => panic!("{other:?}"),
        };
        let missing = format!("{}_9", item_of(&first));
        for (group, references, named) in [
            ("h", vec![one.clone(), two], &one),
            ("g", vec![one.clone(), missing.clone()], &missing),
        ] {
            let (status, message) = refused(ask(&responses, group, "", history(references)).await);
            assert_eq!(status, 404);
            assert!(message.contains(named.as_str()), "{message}");
        }
        // As large as both are, and not quite.
        let all = u64::try_from(context.len()).unwrap();
        for (max_bytes, is_too_long) in [(all, false), (150, true), (0, true)] {
            let call::Kind::History(history) = both.clone() else {
                panic!("a history")
            };
            let asked = call::Kind::History(responses::History {
                max_bytes,
                ..history
            });
            let answered = ask(&responses, "g", "", asked).await;
            let too_long = answer::Kind::TooLong(Nothing {});
            assert_eq!(answered == too_long, is_too_long, "{max_bytes} {answered:?}");
        }
        // Items of a conversation, likewise.
        let conversation = responses::conversation_id(&format!("{:012x}{:020x}", 1, 9));
        let item = serde_json::value::RawValue::from_string(r#"{"id":"i1","t":"0123456789"}"#.into());
        let item = [item.unwrap()];
        let made = responses
            .store
            .create_conversation("g", &conversation, "{}", &item, now_unix_ms());
        made.await.unwrap();
        for (max_bytes, is_too_long) in [(1_000, false), (27, true)] {
            let asked = call::Kind::History(responses::History {
                max_bytes,
                references: vec!["i1".into(), "i1".into()],
                writer: String::new(),
            });
            let answered = ask(&responses, "g", "", asked).await;
            let too_long = answer::Kind::TooLong(Nothing {});
            assert_eq!(answered == too_long, is_too_long, "{max_bytes} {answered:?}");
        }
        let _ = ask(&responses, "g", &second, call::Kind::Delete(Nothing {})).await;
        assert_eq!(refused(ask(&responses, "g", "", both).await).0, 404, "deleted");
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_held_until_its_response_has_come() {
    with_responses(async |responses| {
        let conversation = responses::conversation_id(&format!("{:012x}{:020x}", 1, 7));
        let made =
            responses
                .store
                .create_conversation("g", &conversation, "{}", &[], now_unix_ms());
        made.await.unwrap();
        let history = |writer: &str| {
            call::Kind::History(responses::History {
                max_bytes: 1_000,
                references: Vec::new(),
                writer: writer.into(),
            })
        };
        let (first, second) = (id(1), id(2));
        let empty = answer::Kind::Json("[]".into());
        assert_eq!(
            ask(&responses, "g", &conversation, history(&first)).await,
            empty
        );
        // A count changes nothing, and waits for nobody.
        assert_eq!(
            ask(&responses, "g", &conversation, history("")).await,
            empty
        );
        let refused = ask(&responses, "g", &conversation, history(&second)).await;
        let answer::Kind::Refused(refused) = refused else {
            panic!("{refused:?}");
        };
        let refused: responses::Refused = serde_json::from_str(&refused).unwrap();
        assert_eq!(refused.code, "conversation_locked");

        let waiting = tokio::spawn({
            let (responses, conversation) = (responses.clone(), conversation.clone());
            let kind = history(&second);
            async move { ask(&responses, "g", &conversation, kind).await }
        });
        while responses.kept.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        let answered = Stored {
            conversation: conversation.clone(),
            ..stored(&first)
        };
        responses.keep(&[answered]).await.unwrap();
        assert_eq!(waiting.await.unwrap(), answer::Kind::Json("[1]".into()));
        assert!(matches!(
            ask(&responses, "g", &first, call::Kind::Show(Nothing {})).await,
            answer::Kind::Json(_)
        ));
        let other = ask(&responses, "h", &conversation, history(&second)).await;
        assert_eq!(other, answer::Kind::NotFound(Nothing {}));
    })
    .await;
}
