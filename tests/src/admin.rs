//! The admin API as an administrator's script would use it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::dialect::array;
use crate::eventually;
use crate::http::{Request, Response};

#[derive(Debug, Clone)]
pub struct Admin {
    address: SocketAddr,
    key: String,
}

/// A token when it is made: the only time at which its key can be read.
#[derive(Debug, Clone)]
pub struct Token {
    pub id: i64,
    pub key: String,
}

/// A row of the log.
#[derive(Debug, Clone)]
pub struct LogRow(pub Value);

impl Admin {
    #[must_use]
    pub fn new(address: SocketAddr, key: &str) -> Self {
        Self {
            address,
            key: key.into(),
        }
    }

    /// # Errors
    /// When nobody answers.
    pub fn send(&self, request: Request) -> std::io::Result<Response> {
        request
            .header("authorization", &self.key)
            .send(self.address)
    }

    /// Calls and opens the envelope.
    ///
    /// # Panics
    /// When it is not answered with success.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let mut request = Request::new(method, path);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = self
            .send(request)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        assert!(
            answer.status < 300,
            "{method} {path}: {} {}",
            answer.status,
            answer.text()
        );
        if answer.body.is_empty() {
            return Value::Null;
        }
        let envelope = answer.json();
        assert_eq!(envelope["success"], true, "{method} {path}: {envelope}");
        envelope["data"].clone()
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.call("GET", path, None)
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", path, Some(body))
    }

    #[track_caller]
    pub fn delete(&self, path: &str) -> Value {
        self.call("DELETE", path, None)
    }

    /// Creates channels, all in one change, and gives their ids.
    #[track_caller]
    pub fn create_channels(&self, channels: &[Value]) -> Vec<i64> {
        let made = self.post("/api/channels/", &json!(channels));
        let ids: Vec<i64> = array(&made)
            .iter()
            .filter_map(|c| c["id"].as_i64())
            .collect();
        assert_eq!(ids.len(), channels.len(), "one id for each channel: {made}");
        ids
    }

    /// Creates a group that sees these sets of channels only.
    #[track_caller]
    pub fn create_group(&self, group: &str, sets: &[&str]) {
        self.post(
            &format!("/api/group/{group}"),
            &json!({"available_sets": sets}),
        );
    }

    #[track_caller]
    pub fn create_token(&self, group: &str, token: &Value) -> Token {
        let made = self.post(&format!("/api/token/{group}"), token);
        let key = made["key"]
            .as_str()
            .unwrap_or_else(|| panic!("a token without a key: {made}"));
        let id = made["id"]
            .as_i64()
            .unwrap_or_else(|| panic!("a token without an id: {made}"));
        Token {
            id,
            key: key.into(),
        }
    }

    /// Enables (1) or disables (2) a token.
    #[track_caller]
    pub fn set_token_status(&self, token: i64, status: i64) {
        self.post(
            &format!("/api/tokens/{token}/status"),
            &json!({"status": status}),
        );
    }

    #[track_caller]
    pub fn set_model(&self, model: &str, config: &Value) {
        self.post(&format!("/api/model_config/{model}"), config);
    }

    /// How many rows match. The rows are counted themselves: a list's `total` stops at 10,001.
    #[track_caller]
    pub fn count_logs(&self, query: &str) -> u64 {
        self.logs(None, query).len() as u64
    }

    /// Attempts that were made at a channel within the last day.
    #[track_caller]
    pub fn count_attempts(&self, channel: i64) -> u64 {
        self.get(&format!("/api/dashboard/?type=day&channel={channel}"))["total_count"]
            .as_u64()
            .unwrap_or(0)
    }

    /// All rows of a group (or of everybody) that match, page by page, oldest first. `query` is of the
    /// form `token_name=a&model_name=b`.
    #[track_caller]
    pub fn logs(&self, group: Option<&str>, query: &str) -> Vec<LogRow> {
        let path = group.map_or("/api/logs/".into(), |group| format!("/api/log/{group}"));
        let mut rows = Vec::new();
        for page in 1.. {
            let page = format!("{path}?per_page=100&order=id-asc&page={page}&{query}");
            let data = self.get(&page);
            let more = array(&data["logs"]);
            rows.extend(more.iter().cloned().map(LogRow));
            if more.len() < 100 {
                break;
            }
        }
        rows
    }

    /// Waits for exactly one such row.
    #[track_caller]
    pub fn the_log(&self, group: Option<&str>, query: &str) -> LogRow {
        eventually(&format!("one log row for {query}"), || {
            let mut rows = self.logs(group, query);
            match rows.len() {
                1 => Ok(rows.remove(0)),
                n => Err(format!("{n} rows: {rows:?}")),
            }
        })
    }
}

// === impl LogRow ===

impl LogRow {
    /// HTTP status that the caller got; 0 when it left before there was one.
    #[must_use]
    pub fn code(&self) -> i64 {
        self.integer("code")
    }

    /// `success`, `refused`, `failed`, `interrupted` or `client_gone`.
    #[must_use]
    pub fn outcome(&self) -> &str {
        self.0["outcome"].as_str().unwrap_or_default()
    }

    /// Path of the call.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.0["endpoint"].as_str().unwrap_or_default()
    }

    /// The caller's address.
    #[must_use]
    pub fn ip(&self) -> &str {
        self.0["ip"].as_str().unwrap_or_default()
    }

    #[must_use]
    pub fn attempts(&self) -> &[Value] {
        array(&self.0["attempts"])
    }

    /// The channels that were tried, in order.
    #[must_use]
    pub fn channels(&self) -> Vec<i64> {
        self.attempts()
            .iter()
            .filter_map(|a| a["channel_id"].as_i64())
            .collect()
    }

    /// Gross input and output tokens.
    #[must_use]
    pub fn tokens(&self) -> (u64, u64) {
        let count = |name: &str| self.0["usage"][name].as_u64().unwrap_or(0);
        (count("input_tokens"), count("output_tokens"))
    }

    #[must_use]
    pub fn cost_nano_usd(&self) -> i64 {
        self.integer("used_amount_nano_usd")
    }

    fn integer(&self, name: &str) -> i64 {
        self.0[name]
            .as_i64()
            .unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }
}
