//! The admin API as its caller sees it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::ApiArgs;
use crate::secrets::{self, Secret};

pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    key: Secret,
}

#[derive(Deserialize)]
struct Envelope {
    success: bool,
    message: String,
    data: Option<Value>,
}

/// What the control plane says about a request that it does not do.
#[derive(Debug, thiserror::Error)]
#[error("refused: {0}")]
pub(super) struct Refused(pub(super) String);

const PATIENCE: Duration = Duration::from_secs(60);
const MAX_ANSWER_BYTES: u64 = 64 << 20;

impl Client {
    /// # Errors
    /// When no key is given and none is in the data folder.
    pub(super) fn new(args: &ApiArgs) -> Result<Self> {
        let given = args.admin_key.clone().filter(|key| !key.is_empty());
        let key = match given {
            Some(key) => key,
            None => secrets::read_private(&args.data.join("admin.key"))
                .context("no ADMIN_KEY is set")?,
        };
        // What the API says about an error stands in the body.
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0);
        Ok(Self {
            agent: config.build().into(),
            url: args.url.trim_end_matches('/').to_owned(),
            key,
        })
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let request = self.agent.get(format!("{}{path}", self.url));
        self.read(request.header("authorization", self.key.expose()).call())
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = request
            .header("authorization", self.key.expose())
            .content_type("application/json");
        self.read(request.send(serde_json::to_string(body)?))
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T> {
        let mut answer = answer.with_context(|| format!("{} does not answer", self.url))?;
        let status = answer.status();
        let text = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER_BYTES)
            .read_to_string()
            .with_context(|| format!("the answer of {}", self.url))?;
        let Ok(envelope) = serde_json::from_str::<Envelope>(&text) else {
            bail!(
                "{} answers {status}, and not like a control plane",
                self.url
            );
        };
        if !envelope.success {
            return Err(Refused(envelope.message).into());
        }
        serde_json::from_value(envelope.data.unwrap_or_default()).context("an unexpected answer")
    }
}
