//! Providers that are reached through a proxy: named by the channel, and known to nobody else.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_tests::apart::Apart;
use tollgate_tests::certificates::Authority;
use tollgate_tests::encrypted::Encrypted;
use tollgate_tests::eventually::within;
use tollgate_tests::provider::refusing_base_url;
use tollgate_tests::proxy::{KNOWN_TO_PROXIES, Proxy};
use tollgate_tests::scene::{Builder, provider_key};
use tollgate_tests::{Answer, Dialect, Fault, Gateway, Provider, Scene, eventually, patience};

/// Where a provider is for a proxy, and for nobody else.
fn behind(provider: &Provider, scheme: &str, port: u16) -> String {
    let path = provider.dialect().base_path();
    format!("{scheme}://{KNOWN_TO_PROXIES}:{port}{path}")
}

fn plainly_behind(provider: &Provider) -> String {
    behind(provider, "http", provider.address().port())
}

/// A channel to a provider that only this proxy knows.
fn through(scene: Builder, provider: &Provider, proxy_url: &str) -> Builder {
    let fields = json!({ "proxy_url": proxy_url });
    scene.channel_to(provider.dialect(), &plainly_behind(provider), fields)
}

#[test]
fn whoever_calls_reaches_whatever_is_behind_a_proxy() {
    for upstream in Dialect::UPSTREAMS {
        let (proxy, provider) = (Proxy::start(), Provider::speaking(upstream).start());
        let scene = through(Scene::on(Gateway::shared()), &provider, &proxy.url()).ready();
        for caller in Dialect::CALLERS {
            scene.ask(caller, "hello").assert_served("hi");
            scene.ask_stream(caller, "hello").assert_served("hi");
        }
        assert_eq!(provider.calls().len(), 2 * Dialect::CALLERS.len());
        let asked = proxy.asked();
        assert!(!asked.is_empty());
        for call in asked {
            let place = format!("{KNOWN_TO_PROXIES}:{}", provider.address().port());
            assert_eq!((call.method.as_str(), &call.path), ("CONNECT", &place));
            assert_eq!(call.header("host"), Some(place.as_str()));
            // Nothing else is told.
            assert_eq!(call.headers.len(), 1, "{call:?}");
        }
        for call in provider.calls() {
            assert!(
                !call.everything().to_lowercase().contains("proxy"),
                "{call:?}"
            );
        }
    }
}

#[test]
fn tls_is_between_the_gateway_and_the_provider() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "anybody");
    let (proxy, provider) = (Proxy::start(), Provider::openai().start());
    let encrypted = Encrypted::before(provider.address(), &authority.signs(KNOWN_TO_PROXIES));
    let base_url = behind(&provider, "https", encrypted.address().port());
    let fields = |verify: bool| json!({"proxy_url": proxy.url(), "skip_tls_verify": !verify});
    let scene = Scene::on(Gateway::shared())
        .channel_to(Dialect::OpenAi, &base_url, fields(false))
        .ready();
    scene
        .ask(Dialect::Anthropic, "a secret question")
        .assert_served("hi");
    scene
        .ask_stream(Dialect::Anthropic, "a secret question")
        .assert_served("hi");
    let key = provider_key(&format!("{}-c0", scene.name));
    assert!(provider.last_call().everything().contains(&key));
    let carried = String::from_utf8_lossy(&proxy.carried()).into_owned();
    // The name is what TLS itself tells (RFC 6066, section 3): something was carried.
    assert!(carried.contains(KNOWN_TO_PROXIES));
    for secret in [key.as_str(), "secret question", "POST"] {
        assert!(!carried.contains(secret), "the proxy sees {secret}");
    }

    // An authority that nobody trusts.
    let scene = Scene::on(Gateway::shared())
        .channel_to(Dialect::OpenAi, &base_url, fields(true))
        .ready();
    let before = provider.calls().len();
    scene.ask(Dialect::OpenAi, "hello").assert_error(502);
    assert_eq!(provider.calls().len(), before);
}

#[test]
fn a_proxy_that_is_of_no_use_is_followed_by_the_next_channel() {
    let dead = refusing_base_url().replace("/v1", "");
    let refusing = [407, 403, 502].map(Proxy::that_refuses);
    let urls = [
        dead.replace("http:", "https:"),
        dead,
        "http://no-such-proxy.invalid:3128".to_owned(),
    ];
    let urls = urls.into_iter().chain(refusing.iter().map(Proxy::url));
    for (url, scheme) in urls.flat_map(|url| [(url.clone(), "http"), (url, "https")]) {
        let behind = Provider::openai().text("behind").start();
        let healthy = Provider::anthropic().text("hi").start();
        let base_url = self::behind(&behind, scheme, behind.address().port());
        let first = || {
            let fields = json!({ "proxy_url": url });
            Scene::on(Gateway::shared()).channel_to(Dialect::OpenAi, &base_url, fields)
        };
        let (scene, alone) = (first().channel(&healthy).ready(), first().ready());
        for caller in Dialect::CALLERS {
            let answer = scene.ask(caller, "hello");
            answer.assert_served("hi");
            let tried = scene.log_of(&answer).channels();
            assert_eq!(tried, scene.channels, "{url} {scheme}");
            scene.ask_stream(caller, "hello").assert_served("hi");

            let failed = alone.ask(caller, "hello");
            assert!((500..600).contains(&failed.status()), "{url} {scheme}");
            let words = failed.assert_error(failed.status());
            assert!(!words.contains("invalid"), "{words}");
            let outcome = alone.log_of(&failed);
            assert_eq!(outcome.outcome(), "failed", "{url} {scheme}");
        }
        assert!(behind.calls().is_empty(), "{url}: nobody goes around it");
    }
    for proxy in &refusing {
        assert!(!proxy.asked().is_empty());
    }
}

#[test]
fn a_caller_that_leaves_before_the_proxy_has_a_connection_pays_nothing() {
    let (silent, provider) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        Provider::openai(),
    );
    let (provider, url) = (provider.start(), silent.local_addr().unwrap());
    let scene = through(
        Scene::on(Gateway::shared()),
        &provider,
        &format!("http://{url}"),
    );
    let scene = scene.ready();
    let request = scene.request(Dialect::OpenAi, "hello");
    let caller = TcpStream::connect(scene.address).unwrap();
    (&caller).write_all(&request.bytes(scene.address)).unwrap();
    let (mut asked, _) = silent.accept().unwrap();
    asked.read_exact(&mut [0; 8]).unwrap();
    drop(caller);
    let row = scene.log();
    assert_eq!((row.code(), row.outcome()), (0, "client_gone"), "{row:?}");
    assert_eq!(row.tokens(), (0, 0), "nobody had the prompt: {row:?}");

    // With TLS the provider itself has answered.
    let slow = Answer::text("too late").first_byte_after(Duration::from_secs(30));
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "anybody");
    let (proxy, provider) = (Proxy::start(), Provider::openai().plays(slow).start());
    let encrypted = Encrypted::before(provider.address(), &authority.signs(KNOWN_TO_PROXIES));
    let base_url = behind(&provider, "https", encrypted.address().port());
    let fields = json!({"proxy_url": proxy.url(), "skip_tls_verify": true});
    let scene = Scene::on(Gateway::shared())
        .channel_to(Dialect::OpenAi, &base_url, fields)
        .ready();
    let request = scene.request(Dialect::OpenAi, "hello");
    let caller = TcpStream::connect(scene.address).unwrap();
    (&caller).write_all(&request.bytes(scene.address)).unwrap();
    provider.wait_for_calls(1);
    drop(caller);
    let row = scene.log();
    assert!(row.tokens().0 > 0, "the prompt is booked: {row:?}");
}

#[test]
fn a_provider_that_fails_behind_a_proxy_is_followed_by_the_next_channel() {
    let proxy = Proxy::start();
    for fault in [
        Fault::Status(503),
        Fault::Reset,
        Fault::Close,
        Fault::Garbage,
    ] {
        let broken = Provider::openai().plays(fault.clone()).start();
        let healthy = Provider::anthropic().text("hi").start();
        let first = through(Scene::on(Gateway::shared()), &broken, &proxy.url());
        let scene = first.channel(&healthy).ready();
        let answer = scene.ask(Dialect::OpenAi, "hello");
        answer.assert_served("hi");
        assert_eq!(
            scene.log_of(&answer).channels(),
            scene.channels,
            "{fault:?}"
        );
        assert_eq!(broken.calls().len(), 1, "{fault:?}");
    }
}

#[test]
fn another_proxy_is_used_at_once_and_none_is_none() {
    let [first, second] = [(); 2].map(|()| Proxy::start());
    let provider = Provider::openai().start();
    let fields = json!({ "proxy_url": first.url_with("one:canary") });
    let scene = Scene::on(Gateway::shared())
        .channel_with(&provider, fields)
        .ready();
    scene.ask(Dialect::OpenAi, "hello").assert_served("hi");
    let change = |proxy_url: &str| {
        let path = format!("/api/channel/{}", scene.channels[0]);
        let key = provider_key(&format!("{}-c0", scene.name));
        let body = json!({ "proxy_url": proxy_url, "key": key });
        scene.admin.call("PUT", &path, Some(&body))
    };
    let told = |proxy: &Proxy| {
        let asked = proxy.asked();
        let last = asked.last()?;
        Some(last.header("proxy-authorization")?.to_owned())
    };
    assert_eq!(told(&first).as_deref(), Some("Basic b25lOmNhbmFyeQ=="));

    change(&second.url_with("two:canary"));
    within(patience(), "the other proxy is asked", || {
        scene.ask(Dialect::OpenAi, "hello").assert_served("hi");
        told(&second)
            .filter(|it| it == "Basic dHdvOmNhbmFyeQ==")
            .ok_or("not yet")
    });
    assert_eq!(told(&first).as_deref(), Some("Basic b25lOmNhbmFyeQ=="));

    let shown = change("");
    assert_eq!(shown["proxy_url"], "");
    eventually("no proxy is asked", || {
        let before = provider.calls().len();
        let carried = second.carried().len();
        scene.ask(Dialect::OpenAi, "hello").assert_served("hi");
        assert_eq!(provider.calls().len(), before + 1);
        match second.carried().len() == carried {
            true => Ok(()),
            false => Err("it still carries"),
        }
    });
}

#[test]
fn new_credentials_take_the_place_of_the_old_ones() {
    let proxy = Proxy::start();
    // A connection a call, so that each needs a tunnel.
    let provider = Provider::openai().plays(Fault::Close).start();
    let scene = through(
        Scene::on(Gateway::shared()),
        &provider,
        &proxy.url_with("me:old"),
    )
    .ready();
    let told = || {
        scene.ask(Dialect::OpenAi, "hello");
        let last = proxy.asked().pop().expect("it was asked");
        last.header("proxy-authorization")
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(told(), "Basic bWU6b2xk");
    let path = format!("/api/channel/{}", scene.channels[0]);
    let body = json!({ "proxy_url": proxy.url_with("me:new") });
    scene.admin.call("PUT", &path, Some(&body));
    eventually("the new ones are told", || match told() {
        new if new == "Basic bWU6bmV3" => Ok(()),
        old => Err(old),
    });
}

#[test]
fn a_proxy_is_reached_over_tls_where_its_url_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let [trusted, stranger] = ["trusted", "stranger"].map(|it| Authority::new(folder.path(), it));
    let gateway = Apart::start_trusting(&trusted.certificate());
    let (proxy, provider) = (Proxy::start(), Provider::openai().start());
    let encrypted = |address, authority: &Authority, name: &str| {
        Encrypted::before(address, &authority.signs(name))
    };
    let front = encrypted(provider.address(), &trusted, KNOWN_TO_PROXIES);
    let base_url = behind(&provider, "https", front.address().port());
    let scene = |front: &Encrypted| {
        let fields = json!({ "proxy_url": format!("https://me:canary@{}", front.address()) });
        Scene::at(gateway.address(), gateway.admin())
            .channel_to(Dialect::OpenAi, &base_url, fields)
            .ready()
    };
    let good = encrypted(proxy.address(), &trusted, "127.0.0.1");
    let served = scene(&good);
    served.ask(Dialect::OpenAi, "hello").assert_served("hi");
    served
        .ask_stream(Dialect::Gemini, "hello")
        .assert_served("hi");
    assert_eq!(
        proxy.asked()[0].header("proxy-authorization"),
        Some("Basic bWU6Y2FuYXJ5")
    );

    let asked = proxy.asked().len();
    for front in [
        encrypted(proxy.address(), &stranger, "127.0.0.1"),
        encrypted(proxy.address(), &trusted, "another.example"),
    ] {
        let refused = scene(&front).ask(Dialect::OpenAi, "hello");
        refused.assert_error(502);
    }
    assert_eq!(proxy.asked().len(), asked, "who it is could not be known");
}

#[test]
fn a_channel_that_is_tested_is_tested_through_its_proxy() {
    let (proxy, provider) = (Proxy::start(), Provider::openai().text("OK").start());
    let fields = json!({"proxy_url": proxy.url_with("me:canary"), "status": 2});
    let scene = Scene::on(Gateway::shared())
        .channel_to(Dialect::OpenAi, &plainly_behind(&provider), fields)
        .made();
    let path = format!("/api/channel/{}/test/{}", scene.channels[0], scene.model);
    let told = scene.admin.get(&path);
    assert_eq!(told["success"], true, "{told}");

    let form = json!({"type": Dialect::OpenAi.channel_type(), "key": provider_key("form"),
        "base_url": plainly_behind(&provider), "model": "m", "proxy_url": proxy.url()});
    let told: Value = scene.admin.post("/api/channel/test-preview", &form);
    assert_eq!(told["success"], true, "{told}");
    let told: Vec<_> = proxy
        .asked()
        .iter()
        .map(|it| it.header("proxy-authorization").is_some())
        .collect();
    assert_eq!(told, [true, false]);
}
