use super::*;
use crate::domain::{ChannelTest, TestKind};
use crate::gateways::Registry;
use crate::probes::Probes;

fn test(channel_id: i64, model: &str, code: i64) -> ChannelTest {
    ChannelTest {
        channel_id,
        model: model.into(),
        test_at_ms: 7,
        actual_model: "actual".into(),
        response: "said".into(),
        took_ms: 1500,
        success: code == 200,
        kind: TestKind::Chat,
        code,
    }
}

#[tokio::test]
async fn a_channel_is_shown_with_its_last_tests() {
    with_store(async |store| {
        let api = Api::new(&store);
        let made = json!({"type": 1, "key": "k", "models": ["m", "n"]});
        let id = api.ok("POST", "/channel", made).await[0]["id"]
            .as_i64()
            .unwrap();
        for (model, code) in [("m", 200), ("m", 401), ("n", 200)] {
            store
                .save_channel_test(&test(id, model, code))
                .await
                .unwrap();
        }
        let expected = json!({"test_at": 7, "model": "m", "actual_model": "actual",
            "response": "said", "channel_name": "openai", "channel_type": 1, "channel_id": id,
            "took": 1.5, "success": false, "mode": 1, "code": 401});
        let one = api.get(&format!("/channel/{id}")).await;
        let mut expected = expected;
        expected["channel_name"] = one["name"].clone();
        assert_eq!(one["channel_tests"][0], expected);
        assert_eq!(one["last_test_error_at"], 7);
        assert_eq!(one["channel_tests"].as_array().unwrap().len(), 2);
        for (path, at) in [("/channels/", "/channels/0"), ("/channels/all", "/0")] {
            let list = api.get(path).await;
            assert_eq!(
                list.pointer(at).unwrap()["channel_tests"],
                one["channel_tests"],
                "{path}"
            );
        }
        // It can be edited and sent back, and its tests go with it.
        api.ok("PUT", &format!("/channel/{id}"), one).await;
        api.ok("DELETE", &format!("/channel/{id}"), Value::Null)
            .await;
        assert!(store.channel_tests(&[id]).await.unwrap().is_empty());
        let gone = store.save_channel_test(&test(id, "m", 200)).await;
        assert!(gone.unwrap_err().to_string().contains("is gone"));
    })
    .await;
}

#[tokio::test]
async fn without_a_gateway_nothing_is_tested() {
    with_store(async |store| {
        let probes = Probes::new("http://127.0.0.1:1".parse().unwrap(), Registry::new());
        let state = State::new(store.clone(), Secret::new(KEY)).with_probes(probes);
        let api = Api {
            router: router(state),
            store: store.clone(),
        };
        let channel = json!({"type": 1, "key": "k", "models": ["m", "v"]});
        let made = api.ok("POST", "/channel", channel.clone()).await;
        let path = format!("/channel/{}/test", made[0]["id"]);
        let words = "no gateway is connected";
        for path in [path.as_str(), "/channels/test", &format!("{path}/m")] {
            api.refused("GET", path, Value::Null, 503, words).await;
        }
        let mut one = channel.clone();
        one["model"] = json!("m");
        api.refused("POST", "/channel/test-preview", one.clone(), 503, words)
            .await;
        api.refused("POST", "/channel/test-preview-all", channel, 503, words)
            .await;
        // What is wrong with the request itself is said first.
        one["key"] = json!("****abcd");
        api.refused("POST", "/channel/test-preview", one.clone(), 400, "key")
            .await;
        one["oops"] = json!(1);
        api.refused("POST", "/channel/test-preview", one, 400, "oops")
            .await;
        let form = json!({"type": 1, "key": "k"});
        api.refused("POST", "/channel/test-preview", form.clone(), 400, "model")
            .await;
        api.refused("POST", "/channel/test-preview-all", form, 400, "models")
            .await;
        api.refused("GET", &format!("{path}/other"), Value::Null, 400, "model")
            .await;
        api.refused("GET", "/channel/999/test", Value::Null, 404, "channel 999")
            .await;
    })
    .await;
}
