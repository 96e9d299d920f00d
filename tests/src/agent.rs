//! Coding agents, run without their terminals as their users run them in scripts: each in a home
//! and a working folder of its own, with its telemetry and updates switched off, and with no way
//! out but to the gateway.
//!
//! `make test-agents` installs them; their versions are in `agents/package-lock.json`.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dialect::{Dialect, string};
use crate::process::Process;
use crate::provider::Tool;
use crate::tools;

/// An agent needs seconds for two answers, most of them for its own start.
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    ClaudeCode,
    Codex,
    GeminiCli,
    Copilot(Wire),
}

/// What GitHub's Copilot CLI speaks; each is a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Completions,
    Responses,
    /// Responses over a WebSocket.
    WebSocket,
    Messages,
    /// Chat Completions below Azure's path, with the key in Azure's header.
    Azure,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    /// Standard output and error together.
    pub output: String,
    agent: Agent,
    folder: TempDir,
}

/// Where it runs, and with what.
#[derive(Debug)]
struct Place<'a> {
    gateway: SocketAddr,
    key: &'a str,
    model: &'a str,
    home: PathBuf,
}

// === impl Agent ===

impl Agent {
    /// The dialect in which it calls.
    #[must_use]
    pub fn dialect(self) -> Dialect {
        match self {
            Self::ClaudeCode | Self::Copilot(Wire::Messages) => Dialect::Anthropic,
            Self::Codex | Self::Copilot(Wire::Responses | Wire::WebSocket) => Dialect::Responses,
            Self::GeminiCli => Dialect::Gemini,
            Self::Copilot(Wire::Completions | Wire::Azure) => Dialect::OpenAi,
        }
    }

    /// The name of a model that it knows: from that it takes what it may ask for, such as thoughts.
    #[must_use]
    pub fn model(self) -> &'static str {
        match self {
            Self::ClaudeCode | Self::Copilot(Wire::Messages) => "claude-sonnet-4-6",
            Self::Codex => "gpt-5.1-codex",
            Self::GeminiCli => "gemini-3-pro-preview",
            Self::Copilot(_) => "gpt-5.1",
        }
    }

    /// How a model makes it run a command.
    #[must_use]
    pub fn call(self, id: &str, command: &str) -> Tool {
        let (name, arguments) = match self {
            Self::ClaudeCode => ("Bash", json!({"command": command, "description": "Reads"})),
            Self::Codex => ("exec_command", json!({"cmd": command})),
            Self::GeminiCli => (
                "run_shell_command",
                json!({"command": command, "description": "Reads"}),
            ),
            Self::Copilot(_) => ("bash", json!({"command": command, "description": "Reads"})),
        };
        Tool {
            id: id.into(),
            name: name.into(),
            arguments,
        }
    }

    /// Gives it a prompt in a folder with this file, and waits for its end.
    ///
    /// # Panics
    /// When it does not end in time, or cannot be started.
    #[must_use]
    #[track_caller]
    pub fn run(
        self,
        gateway: SocketAddr,
        key: &str,
        model: &str,
        prompt: &str,
        (file, content): (&str, &str),
    ) -> Ran {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (home, work) = (folder.path().join("home"), folder.path().join("work"));
        for folder in [&home, &work] {
            fs::create_dir(folder).expect("a folder within it");
        }
        fs::write(work.join(file), content).expect("a file within it");
        let place = Place {
            gateway,
            key,
            model,
            home,
        };
        let mut command = match self {
            Self::ClaudeCode => place.claude_code(prompt),
            Self::Codex => place.codex(prompt),
            Self::GeminiCli => place.gemini_cli(prompt),
            Self::Copilot(wire) => place.copilot(wire, prompt),
        };
        // A group of its own, with what it starts: a wrapper does not always hand on a signal.
        let mut process = Group(Process::spawn(
            "the agent",
            command.current_dir(&work).process_group(0),
        ));
        let status = process.0.wait(LIMIT);
        Ran {
            status,
            output: process.0.output(),
            agent: self,
            folder,
        }
    }
}

// === impl Place ===

impl Place<'_> {
    fn claude_code(&self, prompt: &str) -> Command {
        let mut command = self.node("@anthropic-ai/claude-code/cli-wrapper.cjs");
        command
            .env("ANTHROPIC_BASE_URL", self.url(""))
            .env("ANTHROPIC_API_KEY", self.key)
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("DISABLE_AUTOUPDATER", "1")
            // As root it runs no command unasked, unless it is told that nothing is at risk.
            .env("IS_SANDBOX", "1")
            .args(["-p", prompt, "--model", self.model])
            .args(["--allowedTools", "Bash"])
            .args(["--output-format", "stream-json", "--verbose"]);
        command
    }

    fn codex(&self, prompt: &str) -> Command {
        let config = format!(
            "model = \"{}\"\n\
             model_provider = \"gateway\"\n\
             check_for_update_on_startup = false\n\
             [analytics]\n\
             enabled = false\n\
             [model_providers.gateway]\n\
             name = \"gateway\"\n\
             base_url = \"{}\"\n\
             env_key = \"GATEWAY_KEY\"\n\
             wire_api = \"responses\"\n",
            self.model,
            self.url("/v1"),
        );
        let folder = self.home.join("codex");
        self.write("codex/config.toml", &config);
        let mut command = self.node("@openai/codex/bin/codex.js");
        command
            .env("CODEX_HOME", folder)
            .env("GATEWAY_KEY", self.key)
            .args(["exec", "--json", "--skip-git-repo-check"])
            .args(["--dangerously-bypass-approvals-and-sandbox", prompt]);
        command
    }

    fn gemini_cli(&self, prompt: &str) -> Command {
        let settings = json!({
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": false},
            "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
        });
        self.write(".gemini/settings.json", &settings.to_string());
        let mut command = self.node("@google/gemini-cli/bundle/gemini.js");
        command
            .env("GEMINI_API_KEY", self.key)
            .env("GOOGLE_GEMINI_BASE_URL", self.url(""))
            .args(["--skip-trust", "--yolo", "--output-format", "stream-json"])
            .args(["-m", self.model, "-p", prompt]);
        command
    }

    fn copilot(&self, wire: Wire, prompt: &str) -> Command {
        let (kind, api, transport, path) = match wire {
            Wire::Completions => ("openai", "completions", "http", "/v1"),
            Wire::Responses => ("openai", "responses", "http", "/v1"),
            Wire::WebSocket => ("openai", "responses", "websockets", "/v1"),
            Wire::Messages => ("anthropic", "completions", "http", ""),
            Wire::Azure => ("azure", "completions", "http", ""),
        };
        let mut command = self.node("@github/copilot/npm-loader.js");
        command
            .env("COPILOT_OFFLINE", "true")
            .env("COPILOT_AUTO_UPDATE", "false")
            .env("COPILOT_PROVIDER_BASE_URL", self.url(path))
            .env("COPILOT_PROVIDER_TYPE", kind)
            .env("COPILOT_PROVIDER_WIRE_API", api)
            .env("COPILOT_PROVIDER_TRANSPORT", transport)
            .env("COPILOT_PROVIDER_API_KEY", self.key)
            .env("COPILOT_MODEL", self.model)
            .args(["--allow-all-tools", "-p", prompt]);
        command
    }

    /// Node.js with the script of a package, and with nothing of the user's own settings.
    fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command
            .arg(tools::agents().join(script))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("TMPDIR", &self.home)
            .env("TERM", "dumb")
            // Whatever it wants from elsewhere is refused at once: the port is reserved.
            .env("HTTPS_PROXY", "http://127.0.0.1:1")
            .env("HTTP_PROXY", "http://127.0.0.1:1")
            .env("NO_PROXY", "127.0.0.1,localhost");
        command
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway)
    }

    fn write(&self, file: &str, content: &str) {
        let file = self.home.join(file);
        let folder = file.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).expect("a folder at home");
        fs::write(file, content).expect("a file at home");
    }
}

// === impl Ran ===

impl Ran {
    /// What is in a file of the working folder, if it is there.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.work().join(name)).ok()
    }

    /// What the model said to the user at the end.
    #[must_use]
    pub fn said(&self) -> String {
        let lines = self.output.lines();
        let events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        match self.agent {
            Agent::ClaudeCode => events.map(|e| string(&e["result"])).collect(),
            Agent::Codex => events
                .filter(|e| e["item"]["type"] == "agent_message")
                .map(|e| string(&e["item"]["text"]))
                .collect(),
            Agent::GeminiCli => events
                .filter(|e| e["role"] == "assistant")
                .map(|e| string(&e["content"]))
                .collect(),
            // It writes for a reader: the answer, and what it did for it.
            Agent::Copilot(_) => self.output.clone(),
        }
    }

    fn work(&self) -> PathBuf {
        Path::join(self.folder.path(), "work")
    }
}

/// An agent and all that it started; they end together.
struct Group(Process);

impl Drop for Group {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.0.pid()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}
