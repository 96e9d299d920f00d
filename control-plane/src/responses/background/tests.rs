use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_config::names::CALLER_HEADER;
use tollgate_config::responses::{Nothing, call};

use super::super::Responses;
use super::*;
use crate::domain::TokenPatch;
use crate::store::Created;
use crate::store::testing::with_store;

const OWN: &str = "sk-own";
const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// Something that plays a gateway, and answers nothing by itself.
struct Played {
    listener: TcpListener,
    url: Url,
}

impl Played {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self {
            listener,
            url: Url::parse(&url).unwrap(),
        }
    }

    /// The next request as it came, and its connection.
    async fn called(&self) -> (String, TcpStream) {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let (mut request, mut piece) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&request).contains("\"stream\":true}") {
            let length = stream.read(&mut piece).await.unwrap();
            assert!(length > 0, "the request ended");
            request.extend_from_slice(&piece[..length]);
        }
        (String::from_utf8(request).unwrap(), stream)
    }
}

/// A control plane with a group `g` that has a token.
struct Plane {
    responses: Responses,
    token_id: i64,
}

impl Plane {
    async fn new(store: &Store, gateway: &Played) -> Self {
        let new = TokenPatch {
            name: Some(format!("t{}", hex::encode(random::<4>()))),
            ..TokenPatch::default()
        };
        let token = store.create_token("g", new, true, false).await.unwrap();
        let Created::New(token, _) = token else {
            panic!("{token:?}");
        };
        let responses = Responses::new(store.clone(), Duration::from_secs(3_600));
        let own = Secret::new(OWN);
        responses
            .background()
            .call_through(gateway.url.clone(), own);
        Self {
            responses,
            token_id: token.id,
        }
    }

    async fn ask(&self, group: &str, id: &str, kind: call::Kind) -> answer::Kind {
        let call = responses::Call {
            group: group.into(),
            id: id.into(),
            kind: Some(kind),
        };
        self.responses.answer(&call).await.unwrap().kind.unwrap()
    }

    async fn begin(&self) -> (String, Value) {
        let asked = format!(
            r#"{{"body":{{"model":"m","input":"hi","background":true}},"token_id":{},"address":"192.0.2.7"}}"#,
            self.token_id
        );
        let told = json(self.ask("g", "", call::Kind::Background(asked)).await);
        (told["id"].as_str().unwrap().to_owned(), told)
    }

    async fn show(&self, id: &str) -> Value {
        json(self.ask("g", id, call::Kind::Show(Nothing {})).await)
    }

    /// The response once it has ended.
    async fn ended(&self, id: &str) -> Value {
        self.past(id, &["queued", "in_progress"]).await
    }

    /// The response once it is none of these.
    async fn past(&self, id: &str, statuses: &[&str]) -> Value {
        let look = async {
            loop {
                let told = self.show(id).await;
                if !statuses.contains(&told["status"].as_str().unwrap()) {
                    return told;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(60), look).await;
        told.unwrap_or_else(|_| panic!("{id} stays one of {statuses:?}"))
    }
}

fn json(kind: answer::Kind) -> Value {
    match kind {
        answer::Kind::Json(json) => serde_json::from_str(&json).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn missing() -> answer::Kind {
    answer::Kind::NotFound(Nothing {})
}

#[tokio::test]
async fn a_call_is_made_for_the_caller_and_its_answer_is_shown() {
    with_store(async |store| {
        let gateway = Played::start().await;
        let plane = Plane::new(&store, &gateway).await;
        let (id, told) = plane.begin().await;
        assert_eq!(told["status"], "queued");
        let (request, mut stream) = gateway.called().await;
        let hash = store.token_hash("g", plane.token_id).await.unwrap();
        let request_id = id.strip_prefix("resp_tg").unwrap();
        for part in [
            "POST /v1/responses HTTP/1.1\r\n".to_owned(),
            format!("authorization: Bearer {OWN}\r\n"),
            format!("{CALLER_HEADER}: {} {request_id} 192.0.2.7\r\n", token_key(&hash)),
            "\r\n\r\n{\"model\":\"m\",\"input\":\"hi\",\"stream\":true}".to_owned(),
        ] {
            assert!(request.contains(&part), "{part} in {request}");
        }
        assert_eq!(plane.ask("h", &id, call::Kind::Show(Nothing {})).await, missing());
        stream.write_all(STREAM.as_bytes()).await.unwrap();
        assert_eq!(plane.past(&id, &["queued"]).await["status"], "in_progress");
        let last = "event: response.in_progress\ndata: {}\n\nevent: response.completed\n\
            data: {\"response\":{\"id\":\"x\",\"status\":\"completed\",\"background\":false,\"output\":[7]}}\n\n";
        stream.write_all(last.as_bytes()).await.unwrap();
        drop(stream);
        let ended = plane.ended(&id).await;
        let expected = serde_json::json!({
            "id": id, "status": "completed", "background": true, "output": [7],
            "previous_response_id": null,
        });
        assert_eq!(ended, expected);
        // It is over: cancelling changes nothing.
        let cancelled = plane.ask("g", &id, call::Kind::Cancel(Nothing {})).await;
        assert_eq!(json(cancelled), expected);
        let deleted = plane.ask("g", &id, call::Kind::Delete(Nothing {})).await;
        assert_eq!(json(deleted)["deleted"], true);
        assert_eq!(plane.ask("g", &id, call::Kind::Show(Nothing {})).await, missing());
    })
    .await;
}

#[tokio::test]
async fn what_ends_otherwise_says_why() {
    with_store(async |store| {
        let gateway = Played::start().await;
        let plane = Plane::new(&store, &gateway).await;
        let error = |code: &str| {
            format!(r#"{{"error":{{"message":"No.","type":"t","param":null,"code":{code}}}}}"#)
        };
        let answer = |status: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        };
        let event = |name: &str, data: &str| format!("{STREAM}event: {name}\ndata: {data}\n\n");
        for (answer, code) in [
            (answer("429 X", &error("\"insufficient_quota\"")), "insufficient_quota"),
            (answer("429 X", &error("\"rate_limit_exceeded\"")), "rate_limit_exceeded"),
            (answer("400 X", &error("null")), "invalid_prompt"),
            (answer("503 X", "no"), "server_error"),
            (event("error", r#"{"code":"context_length_exceeded","message":"No."}"#), "context_length_exceeded"),
            (event("response.in_progress", "{}"), "server_error"),
            (event("response.completed", "{"), "server_error"),
            (String::new(), "server_error"),
        ] {
            let (id, _) = plane.begin().await;
            let (_, mut stream) = gateway.called().await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            drop(stream);
            let ended = plane.ended(&id).await;
            assert_eq!(ended["status"], "failed", "{answer}");
            let told = ended["error"]["code"].as_str().unwrap();
            assert_eq!(told, code, "{answer}: {ended}");
        }
    })
    .await;
}

#[tokio::test]
async fn cancelling_and_deleting_close_the_call() {
    with_store(async |store| {
        let gateway = Played::start().await;
        let plane = Plane::new(&store, &gateway).await;
        for deletes in [false, true] {
            let (id, _) = plane.begin().await;
            let (_, mut stream) = gateway.called().await;
            stream.write_all(STREAM.as_bytes()).await.unwrap();
            let by_others = plane.ask("h", &id, call::Kind::Cancel(Nothing {})).await;
            assert_eq!(by_others, missing());
            if deletes {
                plane.ask("g", &id, call::Kind::Delete(Nothing {})).await;
            } else {
                for _ in 0..2 {
                    let told = json(plane.ask("g", &id, call::Kind::Cancel(Nothing {})).await);
                    assert_eq!(told["status"], "cancelled");
                }
            }
            let mut rest = Vec::new();
            assert_eq!(
                stream.read_to_end(&mut rest).await.unwrap_or(0),
                0,
                "closed"
            );
            while !plane.responses.background().running().is_empty() {
                tokio::task::yield_now().await;
            }
            if !deletes {
                assert_eq!(plane.show(&id).await["status"], "cancelled");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn another_control_plane_cancels_and_takes_over_what_is_lost() {
    with_store(async |store| {
        let gateway = Played::start().await;
        let (one, two) = (
            Plane::new(&store, &gateway).await,
            Plane::new(&store, &gateway).await,
        );
        let (id, _) = one.begin().await;
        let (_, mut stream) = gateway.called().await;
        let told = json(two.ask("g", &id, call::Kind::Cancel(Nothing {})).await);
        assert_eq!(told["status"], "cancelled");
        one.responses.background().look_after().await.unwrap();
        let mut rest = Vec::new();
        assert_eq!(
            stream.read_to_end(&mut rest).await.unwrap_or(0),
            0,
            "closed"
        );

        let (id, _) = one.begin().await;
        let (_, mut stream) = gateway.called().await;
        let ending = CancellationToken::new();
        ending.cancel();
        one.responses.background().clone().run(ending).await;
        assert_eq!(
            stream.read_to_end(&mut rest).await.unwrap_or(0),
            0,
            "closed"
        );
        let told = two.show(&id).await;
        assert_eq!(
            told["error"],
            serde_json::json!({"code": "server_error", "message": GONE})
        );
    })
    .await;
}

#[tokio::test]
async fn there_is_room_for_so_many() {
    with_store(async |store| {
        let gateway = Played::start().await;
        let plane = Plane::new(&store, &gateway).await;
        for _ in 0..OF_A_GROUP {
            plane.begin().await;
        }
        let asked = format!(
            r#"{{"body":{{"model":"m","background":true}},"token_id":{},"address":"-"}}"#,
            plane.token_id
        );
        let refused = plane.ask("g", "", call::Kind::Background(asked)).await;
        let answer::Kind::Refused(refused) = refused else {
            panic!("{refused:?}");
        };
        let refused: Refused = serde_json::from_str(&refused).unwrap();
        assert_eq!(
            (refused.status, refused.code.as_str()),
            (429, "rate_limit_exceeded")
        );
        let background = plane.responses.background();
        assert_eq!(
            background.running().len(),
            usize::try_from(OF_A_GROUP).unwrap()
        );
        let id = "one more";
        assert!(background.admit(id, BYTES_AT_ONCE).is_none());
        assert!(background.admit(id, 0).is_some());
    })
    .await;
}
