//! A provider that plays a script: a real HTTP/1.1 server on loopback which answers in a vendor's
//! wire format, or breaks in one of the ways in which providers break.
//!
//! It keeps its own books: every request as it came in, and the tokens that it told its callers.

mod answer;
mod anthropic;
mod asked;
mod bedrock;
mod call;
mod claude;
mod cohere;
mod completions;
mod fault;
mod gemini;
mod ollama;
mod openai;
mod openid;
mod responses;
mod schema;
mod script;
mod server;
mod sigv4;
mod token_endpoint;
mod webhook;
mod wire;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

pub use answer::{Answer, Told, Tool};
pub use call::Call;
pub use fault::{Cut, Fault};
pub use openid::{CLIENT_ID, CLIENT_SECRET, OpenIdProvider, Signs};
pub use script::Script;
pub(crate) use server::read_call;
pub use sigv4::AccessKey;
pub use token_endpoint::{TOKEN, TokenEndpoint, service_account};
pub use webhook::{WEBHOOK_CANARY, Webhook};

use crate::dialect::Dialect;
use crate::patience;

/// What a model's name may begin with at Bedrock, where it says whose the model is.
pub const CLAUDE: &str = "us.anthropic.claude-";

/// A running provider. It stops taking connections when it is dropped.
#[derive(Debug)]
pub struct Provider {
    dialect: Dialect,
    address: SocketAddr,
    state: Arc<State>,
}

/// Builds a [`Provider`].
#[derive(Debug)]
pub struct Builder {
    dialect: Dialect,
    default: Script,
    models: HashMap<String, Script>,
    door: Mutex<Door>,
}

/// Whom a provider lets in.
#[derive(Debug, Default)]
enum Door {
    #[default]
    Anybody,
    /// Whoever signs with this key.
    Signed(AccessKey),
    /// Whoever shows a token that was made here.
    Token(TokenEndpoint),
}

#[derive(Debug)]
struct State {
    door: Mutex<Door>,
    default: Script,
    models: HashMap<String, Script>,
    books: Mutex<Books>,
    changed: Condvar,
}

/// What the provider knows of its own work.
#[derive(Debug, Default)]
struct Books {
    calls: Vec<Call>,
    calls_by_model: HashMap<String, usize>,
    told: HashMap<String, Told>,
    /// Calls during whose answer the caller closed the connection.
    abandoned: usize,
    stopped: bool,
}

// === impl Builder ===

impl Builder {
    /// What every model answers that has no script of its own.
    #[must_use]
    pub fn plays(mut self, script: impl Into<Script>) -> Self {
        self.default = script.into();
        self
    }

    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.plays(Answer::text(text))
    }

    /// A model with a script of its own. `tools` is also the script of `tools-…`, and of that with
    /// [`CLAUDE`] before it.
    #[must_use]
    pub fn model(mut self, model: &str, script: impl Into<Script>) -> Self {
        self.models.insert(model.into(), script.into());
        self
    }

    /// Refuses calls that are not signed with this key (AWS Signature Version 4).
    #[must_use]
    pub fn signed_with(self, key: AccessKey) -> Self {
        *self.door.lock().expect("not poisoned") = Door::Signed(key);
        self
    }

    /// Refuses calls without a token from there.
    #[must_use]
    pub fn with_tokens_of(self, endpoint: &TokenEndpoint) -> Self {
        *self.door.lock().expect("not poisoned") = Door::Token(endpoint.clone());
        self
    }

    /// # Panics
    /// When loopback has no free port.
    #[must_use]
    pub fn start(self) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State {
            door: self.door,
            default: self.default,
            models: self.models,
            books: Mutex::default(),
            changed: Condvar::new(),
        });
        let (dialect, shared) = (self.dialect, Arc::clone(&state));
        thread::spawn(move || server::accept(&listener, dialect, &shared));
        Provider {
            dialect,
            address,
            state,
        }
    }
}

// === impl Provider ===

impl Provider {
    #[must_use]
    pub fn speaking(dialect: Dialect) -> Builder {
        Builder {
            dialect,
            default: Answer::text("hi").into(),
            models: HashMap::new(),
            door: Mutex::default(),
        }
    }

    #[must_use]
    pub fn openai() -> Builder {
        Self::speaking(Dialect::OpenAi)
    }

    #[must_use]
    pub fn anthropic() -> Builder {
        Self::speaking(Dialect::Anthropic)
    }

    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What an administrator types as the channel's base URL.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.address, self.dialect.base_path())
    }

    /// From now on it takes this access key only.
    ///
    /// # Panics
    /// When another thread has.
    pub fn takes(&self, key: AccessKey) {
        *self.state.door.lock().expect("not poisoned") = Door::Signed(key);
    }

    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.books().calls.clone()
    }

    /// # Panics
    /// When nothing has called.
    #[must_use]
    #[track_caller]
    pub fn last_call(&self) -> Call {
        self.books()
            .calls
            .last()
            .cloned()
            .expect("nothing has called this provider")
    }

    /// The tokens in all the usage figures that left this provider.
    #[must_use]
    pub fn told(&self) -> Told {
        let mut sum = Told::default();
        for told in self.books().told.values() {
            sum += *told;
        }
        sum
    }

    /// The same of the calls for one model.
    #[must_use]
    pub fn told_of(&self, model: &str) -> Told {
        self.books().told.get(model).copied().unwrap_or_default()
    }

    /// Waits until that many callers have closed the connection during an answer.
    ///
    /// # Panics
    /// When they have not within the patience.
    #[track_caller]
    pub fn wait_until_abandoned(&self, by: usize) {
        let (books, timeout) = self
            .state
            .changed
            .wait_timeout_while(self.books(), patience(), |books| books.abandoned < by)
            .expect("not poisoned");
        assert!(
            !timeout.timed_out(),
            "{} of {by} calls were abandoned",
            books.abandoned
        );
    }

    /// Waits for that many calls to have come in.
    ///
    /// # Panics
    /// When they have not within the patience.
    #[track_caller]
    pub fn wait_for_calls(&self, count: usize) {
        let (books, timeout) = self
            .state
            .changed
            .wait_timeout_while(self.books(), patience(), |books| books.calls.len() < count)
            .expect("not poisoned");
        assert!(
            !timeout.timed_out(),
            "{} of {count} calls came",
            books.calls.len()
        );
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.state.books.lock().expect("not poisoned")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.books().stopped = true;
        // Wakes `accept`, which then sees that it is to stop.
        let _ = std::net::TcpStream::connect(self.address);
    }
}

// === impl State ===

impl State {
    /// Says why a call is not let in.
    fn admits(&self, call: &Call) -> Result<(), String> {
        match &*self.door.lock().expect("not poisoned") {
            Door::Anybody => Ok(()),
            Door::Signed(key) => key.verify(call),
            Door::Token(endpoint) => endpoint.verify(call),
        }
    }

    /// Enters the call in the books and says what to play for it.
    fn enter(&self, call: Call) -> Script {
        let model = call.model();
        let mut books = self.books.lock().expect("not poisoned");
        books.calls.push(call);
        let nth = books.calls_by_model.entry(model.clone()).or_default();
        *nth += 1;
        let script = self.script_for(&model).turn(*nth);
        self.changed.notify_all();
        script
    }

    fn script_for(&self, model: &str) -> &Script {
        let family = model.strip_prefix(CLAUDE).unwrap_or(model);
        let family = family.split('-').next().unwrap_or_default();
        self.models
            .get(model)
            .or_else(|| self.models.get(family))
            .unwrap_or(&self.default)
    }

    fn tell(&self, model: &str, told: Told) {
        let mut books = self.books.lock().expect("not poisoned");
        *books.told.entry(model.to_owned()).or_default() += told;
    }

    fn abandon(&self) {
        self.books.lock().expect("not poisoned").abandoned += 1;
        self.changed.notify_all();
    }
}

/// An address on which nothing listens.
///
/// # Panics
/// When loopback has no free port.
#[must_use]
pub fn refusing_base_url() -> String {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    format!("http://{}/v1", address.expect("a free port"))
}

/// When the next piece of a body is due.
pub(crate) fn until(deadline: Instant) -> std::time::Duration {
    deadline.saturating_duration_since(Instant::now())
}
