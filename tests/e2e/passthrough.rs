//! Same dialect on both sides: not a byte differs, except a mapped model's name.

use serde_json::json;
use tollgate_tests::http::Request;
use tollgate_tests::provider::Told;
use tollgate_tests::{Answer, Dialect, Gateway, Provider, Scene};

/// A request as no serializer would write it: the gateway must not have parsed and rewritten it.
fn odd_body(dialect: Dialect, model: &str, stream: bool) -> String {
    let messages = r#"[ {"content":"caf\u00e9 \/ é 🙂" , "role":"user"}]"#;
    match dialect {
        Dialect::Gemini => {
            let contents = r#"[ {"parts":[{"text":"caf\u00e9 \/ é 🙂" }] , "role":"user"}]"#;
            format!(
                "{{ \"generationConfig\" : {{\"topP\":1.50e-1,\"stopSequences\":[ ]}},\r\n\t\
                 \"contents\":{contents} ,\"safetySettings\":null}}\n"
            )
        }
        Dialect::Responses => format!(
            "{{ \"metadata\" : {{\"b\":\"1.50\",\"a\":\"\" }},\r\n \"input\":{messages},\n\t\
             \"max_output_tokens\":  64,\"temperature\":1.50e-1,\"stream\":{stream}, \
             \"model\" : \"{model}\" ,\"user\":null}}\n"
        ),
        _ => format!(
            "{{ \"unknown_field\" : {{\"b\":1.50e+2,\"a\":[ ]}},\r\n \"messages\":{messages},\n\t\"max_tokens\":  64,\
             \"stream\":{stream},\"stream_options\":{{\"include_usage\":true}}, \"model\" : \"{model}\" ,\"z\":null}}\n"
        ),
    }
}

#[test]
fn request_and_answer_pass_byte_for_byte() {
    for dialect in Dialect::CALLERS {
        let usage = Told {
            input: 3,
            cache_read: 2,
            cache_write: 1,
            output: 4,
            ..Told::default()
        };
        let answer = Answer::text("naïve \u{1F642} \\ \"quoted\"")
            .usage(usage)
            .chunks(9);
        let provider = Provider::speaking(dialect).plays(answer).start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        for stream in [false, true] {
            let body = odd_body(dialect, &scene.model, stream);
            let request = Request::new("POST", &dialect.path_to(&scene.model, stream))
                .header("content-type", "application/json")
                .body(body.clone());
            let direct = request.send(provider.address()).unwrap();
            let through = scene.send(dialect, &scene.with_token(request));

            let sent = String::from_utf8(provider.last_call().body).unwrap();
            assert_eq!(sent, body, "{dialect:?}");
            assert_eq!(through.response.text(), direct.text(), "{dialect:?}");
            assert_eq!(through.status(), direct.status);
            let media =
                |header: Option<&str>| header.and_then(|h| h.split(';').next().map(str::to_owned));
            let direct = media(direct.header("content-type"));
            assert_eq!(
                media(through.response.header("content-type")),
                direct,
                "{dialect:?}"
            );
            let row = scene.log_of(&through);
            assert_eq!(row.tokens(), (6, 4), "it was read all the same: {row:?}");
        }
    }
}

#[test]
fn a_mapped_model_is_the_only_edit() {
    for dialect in Dialect::CALLERS {
        let provider = Provider::speaking(dialect).text("hi").start();
        let models = ["alias"];
        // The model's full name is known only once the scene has one.
        let builder = Scene::on(Gateway::shared()).models(&models);
        let alias = builder.first_model();
        let mapping = json!({"model_mapping": {alias.as_str(): "the-provider-s-own-name"}});
        let scene = builder.channel_with(&provider, mapping).ready();
        for stream in [false, true] {
            let body = odd_body(dialect, &scene.model, stream);
            let request = Request::new("POST", &dialect.path_to(&scene.model, stream))
                .header("content-type", "application/json")
                .body(body.clone());
            let answer = scene.send(dialect, &scene.with_token(request));
            assert_eq!(
                answer.text(),
                "hi",
                "{dialect:?}: {}",
                answer.response.text()
            );
            let sent = String::from_utf8(provider.last_call().body).unwrap();
            assert_eq!(
                sent,
                odd_body(dialect, "the-provider-s-own-name", stream),
                "{dialect:?}"
            );
            assert_eq!(provider.last_call().model(), "the-provider-s-own-name");
            let row = scene.log_of(&answer);
            assert_eq!(row.0["model"], alias, "{row:?}");
            assert_eq!(
                row.attempts()[0]["model"],
                "the-provider-s-own-name",
                "{row:?}"
            );
        }
    }
}

#[test]
fn a_translated_call_is_mapped_as_well() {
    for upstream in Dialect::UPSTREAMS {
        let provider = Provider::speaking(upstream).text("hi").start();
        let builder = Scene::on(Gateway::shared()).models(&["alias"]);
        let alias = builder.first_model();
        let mapping = json!({"model_mapping": {alias.as_str(): "own-name"}});
        let scene = builder.channel_with(&provider, mapping).ready();
        let answer = scene.ask(upstream.other(), "hello");
        answer.assert_served("hi");
        assert_eq!(provider.last_call().model(), "own-name");
        assert_eq!(
            answer.json()["model"],
            alias,
            "the caller reads the name that it asked for"
        );
    }
}
