//! The vendors' Python SDKs, run as their users run them.
//!
//! A script plays every scenario of one SDK in one process, because importing an SDK costs more
//! than all of its calls; each scenario's result is JSON, or the exception that ended it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::dialect::Dialect;
use crate::tools;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Generation {
    Current,
    /// What most people still have: `anthropic` 1.x sends `x-api-key`, `google-genai` 2.x calls
    /// `/v1beta`.
    Previous,
}

/// One vendor's SDK in one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sdk {
    pub dialect: Dialect,
    pub generation: Generation,
}

impl Sdk {
    pub const OPENAI: Self = Self {
        dialect: Dialect::OpenAi,
        generation: Generation::Current,
    };
    pub const ANTHROPIC: Self = Self {
        dialect: Dialect::Anthropic,
        generation: Generation::Current,
    };
    pub const ANTHROPIC_1: Self = Self {
        dialect: Dialect::Anthropic,
        generation: Generation::Previous,
    };
    pub const OPENAI_2: Self = Self {
        dialect: Dialect::OpenAi,
        generation: Generation::Previous,
    };
    pub const RESPONSES: Self = Self {
        dialect: Dialect::Responses,
        generation: Generation::Current,
    };
    pub const RESPONSES_2: Self = Self {
        dialect: Dialect::Responses,
        generation: Generation::Previous,
    };
    pub const GEMINI: Self = Self {
        dialect: Dialect::Gemini,
        generation: Generation::Current,
    };
    pub const GEMINI_2: Self = Self {
        dialect: Dialect::Gemini,
        generation: Generation::Previous,
    };
    pub const ALL: [Self; 8] = [
        Self::OPENAI,
        Self::OPENAI_2,
        Self::ANTHROPIC,
        Self::ANTHROPIC_1,
        Self::RESPONSES,
        Self::RESPONSES_2,
        Self::GEMINI,
        Self::GEMINI_2,
    ];

    /// Plays all scenarios of the script; each calls a model named `{scenario}-{model_suffix}`.
    ///
    /// # Panics
    /// When the script itself fails; what a scenario raises is its result.
    #[must_use]
    #[track_caller]
    pub fn play(
        self,
        gateway: SocketAddr,
        key: &str,
        model_suffix: &str,
    ) -> BTreeMap<String, Value> {
        let script = match self.dialect {
            Dialect::OpenAi => "openai_chat.py",
            Dialect::Anthropic => "anthropic_messages.py",
            Dialect::Responses => "openai_responses.py",
            Dialect::Gemini => "google_genai.py",
            dialect => panic!("nobody calls Tollgate in {dialect:?}"),
        };
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("sdk")
            .join(script);
        let output = Command::new(tools::python(self.generation))
            .arg(script)
            .args([&format!("http://{gateway}"), key, model_suffix])
            // The user's own settings must not reach the SDK.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .unwrap_or_else(|e| panic!("{self} does not run: {e}"));
        assert!(
            output.status.success(),
            "{self}: {}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{self}: {e}: {}", String::from_utf8_lossy(&output.stdout)))
    }
}

impl fmt::Display for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} SDK ({:?})", self.dialect, self.generation)
    }
}
