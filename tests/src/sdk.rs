//! The vendors' Python SDKs, run as their users run them.
//!
//! A script plays every scenario of one SDK, on every stage in one process, because importing an SDK
//! costs more than all of its calls; each scenario's result is JSON, or the exception that ended it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::dialect::Dialect;
use crate::scene::Scene;
use crate::tools;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Generation {
    Current,
    /// What most people still have: `anthropic` 1.x sends `x-api-key`, `google-genai` 2.x calls
    /// `/v1beta`.
    Previous,
}

impl Generation {
    pub const ALL: [Self; 2] = [Self::Current, Self::Previous];
}

/// Where a script plays.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    pub address: SocketAddr,
    pub key: &'a str,
    /// The model, or what every model's name ends with.
    pub model: &'a str,
}

/// Runs a script of `sdk/` on each stage, and gives what it printed there.
///
/// # Panics
/// When the script itself fails; what a scenario raises is its result.
#[must_use]
#[track_caller]
pub fn play(generation: Generation, script: &str, stages: &[Stage<'_>]) -> Vec<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sdk");
    let mut command = Command::new(tools::python(generation));
    command.arg(folder.join("play.py")).arg(folder.join(script));
    for stage in stages {
        command.args([&format!("http://{}", stage.address), stage.key, stage.model]);
    }
    let output = command
        // The user's own settings must not reach the SDK.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap_or_else(|e| panic!("{script} does not run: {e}"));
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {printed}\n{errors}");
    let results: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{script}: {e}: {line}")))
        .collect();
    assert_eq!(results.len(), stages.len(), "{script}: {printed}\n{errors}");
    results
}

/// [`play`] where nothing is raised that a scenario does not catch.
///
/// # Panics
/// When something is.
#[must_use]
#[track_caller]
pub fn play_through(generation: Generation, script: &str, stages: &[Stage<'_>]) -> Vec<Value> {
    let results = play(generation, script, stages);
    for result in &results {
        for (scenario, result) in result.as_object().expect("scenarios") {
            assert!(
                result.get("raised").is_none(),
                "{script}: {scenario}: {result}"
            );
        }
    }
    results
}

impl<'a> Stage<'a> {
    /// The scene with its one model.
    #[must_use]
    pub fn of(scene: &'a Scene) -> Self {
        let (key, model) = (&scene.token.key, &scene.model);
        let address = scene.address;
        Self {
            address,
            key,
            model,
        }
    }
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

    /// Plays all scenarios of the script on each stage; each calls a model named
    /// `{scenario}-{stage.model}`.
    ///
    /// # Panics
    /// When the script itself fails; what a scenario raises is its result.
    #[must_use]
    #[track_caller]
    pub fn play(self, stages: &[Stage<'_>]) -> Vec<BTreeMap<String, Value>> {
        let script = match self.dialect {
            Dialect::OpenAi => "openai_chat.py",
            Dialect::Anthropic => "anthropic_messages.py",
            Dialect::Responses => "openai_responses.py",
            Dialect::Gemini => "google_genai.py",
            dialect => panic!("nobody calls Tollgate in {dialect:?}"),
        };
        let results = play(self.generation, script, stages).into_iter();
        results
            .map(|result| serde_json::from_value(result).expect("scenarios"))
            .collect()
    }
}

impl fmt::Display for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} SDK ({:?})", self.dialect, self.generation)
    }
}
