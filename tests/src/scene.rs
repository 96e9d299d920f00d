//! What a scenario is written in: providers behind channels, a model, a token, and somebody who
//! asks.
//!
//! ```no_run
//! # use tollgate_tests::{Dialect, Fault, Gateway, Provider, Scene};
//! let (broken, healthy) = (Provider::openai().plays(Fault::Status(503)).start(), Provider::openai().start());
//! let scene = Scene::on(Gateway::shared()).channel(&broken).channel(&healthy).ready();
//! assert_eq!(scene.ask(Dialect::Anthropic, "hello").text(), "hi");
//! assert_eq!(scene.log().attempts().len(), 2);
//! ```

mod answered;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

pub use self::answered::Answered;
use crate::admin::{Admin, LogRow, Token};
use crate::dialect::Dialect;
use crate::eventually;
use crate::gateway::Gateway;
use crate::http::{Exchange, Request};
use crate::provider::Provider;

/// Keys that the channels of scenes get. They must be seen by their provider and by nobody else.
#[must_use]
pub fn provider_key(channel: &str) -> String {
    format!("provider-key-canary-{channel}")
}

/// A model that is served, and a token that may call it: with a group and a set of channels of its
/// own, so that scenes on one gateway do not see each other.
#[derive(Debug, Clone)]
pub struct Scene {
    pub address: SocketAddr,
    pub admin: Admin,
    /// The first of `models`.
    pub model: String,
    pub models: Vec<String>,
    pub token: Token,
    /// Name of the token, and prefix of the channels' names; unique.
    pub name: String,
    pub channels: Vec<i64>,
    /// Dropped with the last copy of the scene.
    things: Option<Arc<Things>>,
}

/// What a scene has put on a shared gateway. It goes with the scene: the next scenes' changes are slower
/// for everything that is there.
#[derive(Debug)]
struct Things {
    admin: Admin,
    channels: Vec<i64>,
    models: Vec<String>,
}

/// Builds a [`Scene`].
#[derive(Debug)]
pub struct Builder {
    address: SocketAddr,
    admin: Admin,
    shared: bool,
    name: String,
    models: Vec<String>,
    channels: Vec<Value>,
    config: Value,
    token: Value,
}

impl Scene {
    #[must_use]
    pub fn on(gateway: &Gateway) -> Builder {
        Builder {
            shared: gateway.is_shared(),
            ..Self::at(gateway.address(), gateway.admin())
        }
    }

    /// At any gateway, with an admin API that may be elsewhere.
    #[must_use]
    pub fn at(address: SocketAddr, admin: Admin) -> Builder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "s{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let models = vec![format!("model-{name}")];
        let (config, token) = (json!({}), json!({"name": name}));
        Builder {
            address,
            admin,
            shared: false,
            name,
            models,
            channels: Vec::new(),
            config,
            token,
        }
    }

    #[must_use]
    pub fn request(&self, dialect: Dialect, text: &str) -> Request {
        self.with_token(Request::post(
            &dialect.path_to(&self.model, false),
            &dialect.ask(&self.model, text, false),
        ))
    }

    #[must_use]
    pub fn stream_request(&self, dialect: Dialect, text: &str) -> Request {
        self.with_token(Request::post(
            &dialect.path_to(&self.model, true),
            &dialect.ask(&self.model, text, true),
        ))
    }

    #[must_use]
    pub fn with_token(&self, request: Request) -> Request {
        request.header("authorization", format!("Bearer {}", self.token.key))
    }

    /// Asks and reads the whole answer.
    #[track_caller]
    pub fn ask(&self, dialect: Dialect, text: &str) -> Answered {
        self.send(dialect, &self.request(dialect, text))
    }

    /// Asks for a stream and reads all of it.
    #[track_caller]
    pub fn ask_stream(&self, dialect: Dialect, text: &str) -> Answered {
        self.send(dialect, &self.stream_request(dialect, text))
    }

    /// Asks for a stream and returns at its headers.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn open_stream(&self, dialect: Dialect, text: &str) -> Exchange {
        self.stream_request(dialect, text)
            .open(self.address)
            .expect("an answer begins")
    }

    /// # Panics
    /// When there is no answer at all.
    #[track_caller]
    pub fn send(&self, dialect: Dialect, request: &Request) -> Answered {
        let response = request
            .send(self.address)
            .unwrap_or_else(|e| panic!("no answer: {e}"));
        Answered { dialect, response }
    }

    #[must_use]
    pub fn group(&self) -> String {
        format!("group-{}", self.name)
    }

    /// The same with another token.
    #[must_use]
    pub fn as_holder_of(&self, token: Token) -> Self {
        let scene = self.clone();
        Self { token, ..scene }
    }

    /// Waits until the gateway knows the token, which all of its workers hear of at once.
    #[must_use]
    #[track_caller]
    pub fn known(self) -> Self {
        let request = self.with_token(Request::get("/v1/models"));
        eventually("the token is known", || {
            let answer = request.send(self.address).map_err(|e| e.to_string())?;
            match answer.status {
                200 => Ok(()),
                status => Err(status.to_string()),
            }
        });
        self
    }

    /// The same at another gateway.
    #[must_use]
    pub fn through(&self, address: SocketAddr) -> Self {
        let scene = self.clone();
        Self { address, ..scene }
    }

    /// Nobody calls any more: what is left is to look at the log.
    pub fn is_over(&mut self) {
        self.things = None;
    }

    /// Another token of the same group.
    #[track_caller]
    pub fn another_token(&self, fields: &Value) -> Token {
        self.admin
            .create_token(&format!("group-{}", self.name), fields)
    }

    /// Log rows of this scene's model calls, oldest first.
    #[track_caller]
    pub fn logs(&self) -> Vec<LogRow> {
        let query = format!("token_name={}", self.name);
        let mut rows = self.admin.logs(Some(&self.group()), &query);
        // `ready` asks for the model until it is there, which is logged as well.
        // A colon comes before the method of a Gemini call.
        let is_lookup = |path: &str| path.starts_with("/v1/models") && !path.contains(':');
        rows.retain(|row| !is_lookup(row.endpoint()));
        rows
    }

    /// Waits for that many rows of model calls, and gives all that there are then.
    #[track_caller]
    pub fn settled_logs(&self, count: usize) -> Vec<LogRow> {
        eventually("all calls are in the ledger", || {
            let rows = self.logs();
            if rows.len() >= count {
                Ok(rows)
            } else {
                Err(format!("{} of {count}", rows.len()))
            }
        })
    }

    /// The one model call of this scene.
    ///
    /// # Panics
    /// When there are more.
    #[track_caller]
    pub fn log(&self) -> LogRow {
        let mut rows = self.settled_logs(1);
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// The log row of an answer.
    #[track_caller]
    pub fn log_of(&self, answer: &Answered) -> LogRow {
        let query = format!("request_id={}", answer.request_id());
        self.admin.the_log(Some(&self.group()), &query)
    }

    /// The same when it may have been a stranger who asked.
    #[track_caller]
    pub fn log_of_anybody_s(&self, answer: &Answered) -> LogRow {
        let query = format!("request_id={}", answer.request_id());
        self.admin.the_log(None, &query)
    }
}

// === impl Builder ===

impl Builder {
    /// A channel to the provider. The first one added is tried first: the order is by weight, and
    /// it gets (nearly) all of it.
    #[must_use]
    pub fn channel(self, provider: &Provider) -> Self {
        self.channel_to(provider.dialect(), &provider.base_url(), json!({}))
    }

    /// A channel with more fields, such as a `model_mapping`.
    #[must_use]
    pub fn channel_with(self, provider: &Provider, fields: Value) -> Self {
        self.channel_to(provider.dialect(), &provider.base_url(), fields)
    }

    #[must_use]
    pub fn channel_to(mut self, dialect: Dialect, base_url: &str, fields: Value) -> Self {
        let name = format!("{}-c{}", self.name, self.channels.len());
        let mut channel = json!({
            "name": name, "type": dialect.channel_type(), "base_url": base_url,
            "key": provider_key(&name),
            "priority": if self.channels.is_empty() { 1_000_000 } else { 1 },
        });
        merge(&mut channel, fields);
        self.channels.push(channel);
        self
    }

    /// These models instead of one with a name of its own.
    #[must_use]
    pub fn models(mut self, models: &[&str]) -> Self {
        self.models = models
            .iter()
            .map(|m| format!("{m}-{}", self.name))
            .collect();
        self
    }

    /// The name that [`Scene::model`] will have.
    #[must_use]
    pub fn first_model(&self) -> String {
        self.models[0].clone()
    }

    /// The names that [`Scene::models`] will have.
    #[must_use]
    pub fn all_models(&self) -> &[String] {
        &self.models
    }

    /// Fields of the model's configuration, such as its price.
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        merge(&mut self.config, config);
        self
    }

    /// Fields of the token.
    #[must_use]
    pub fn token(mut self, fields: Value) -> Self {
        merge(&mut self.token, fields);
        self
    }

    /// Makes it all through the admin API and waits until the gateway serves it.
    #[must_use]
    #[track_caller]
    pub fn ready(self) -> Scene {
        let scene = self.made();
        // Each of Envoy's workers takes a change for itself, and a connection goes to any of them.
        let mut in_a_row = 0;
        eventually("the new model is served", || {
            let request = scene.with_token(Request::get(&format!("/v1/models/{}", scene.model)));
            let answer = request.send(scene.address).map_err(|e| e.to_string())?;
            in_a_row = if answer.status == 200 {
                in_a_row + 1
            } else {
                0
            };
            if in_a_row >= 5 {
                Ok(())
            } else {
                Err(format!("{} {}", answer.status, answer.text()))
            }
        });
        scene
    }

    /// Makes it all and does not wait.
    #[must_use]
    #[track_caller]
    pub fn made(self) -> Scene {
        let Self {
            address,
            admin,
            shared,
            name,
            models,
            mut channels,
            config,
            token,
        } = self;
        for model in &models {
            admin.set_model(model, &config);
        }
        for channel in &mut channels {
            channel["models"] = json!(models);
            channel["sets"] = json!([name]);
        }
        let channels = admin.create_channels(&channels);
        let group = format!("group-{name}");
        admin.create_group(&group, &[&name]);
        let token = admin.create_token(&group, &token);
        let things = shared.then(|| {
            Arc::new(Things {
                admin: admin.clone(),
                channels: channels.clone(),
                models: models.clone(),
            })
        });
        Scene {
            address,
            admin,
            model: models[0].clone(),
            models,
            token,
            name,
            channels,
            things,
        }
    }
}

// === impl Things ===

impl Drop for Things {
    fn drop(&mut self) {
        // Its gateway may be gone, and the scene may have deleted some of it.
        let bodies = [
            ("/api/channels/batch_delete", json!(self.channels)),
            ("/api/model_configs/batch_delete", json!(self.models)),
        ];
        for (path, body) in bodies {
            let _ = self.admin.send(Request::post(path, &body));
        }
    }
}

fn merge(into: &mut Value, fields: Value) {
    if let (Some(into), Value::Object(fields)) = (into.as_object_mut(), fields) {
        into.extend(fields);
    }
}
