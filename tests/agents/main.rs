//! Real coding agents before upstreams that speak another dialect than theirs. In each run the
//! model first asks the agent for a command, reads the result, and answers.
//!
//! `make test-agents` installs the agents and runs this; `make test` does not, for it is a gigabyte
//! of other people's programs.

use serde_json::json;
use tollgate_tests::agent::{Agent, Ran, Wire};
use tollgate_tests::provider::{Call, Told};
use tollgate_tests::{Answer, Dialect, Gateway, Provider, Scene, eventually};

/// What proves thoughts: base64, as Google demands.
const SIGNATURE: &str = "c2lnbmF0dXJlLXNjcmlwdGVk";

const THOUGHT: &str = "A file says it.";

/// The model's answer once it has seen the word.
const FINAL: &str = "The word in the file is chrysoberyl.";

/// Only in the file: who says it has read it.
const WORD: &str = "word-5e1c0d77";

const COMMAND: &str = "tee ran.txt < word.txt";

const USAGE: Told = Told {
    answers: 1,
    input: 1100,
    cache_read: 50,
    cache_write: 0,
    output: 70,
    reasoning: 0,
};

macro_rules! tool_loops {
    ($($name:ident: $agent:expr => $upstream:expr;)*) => {$(
        #[test]
        #[ignore = "the agents are large: make test-agents"]
        fn $name() {
            Loop::run($agent, $upstream).check();
        }
    )*};
}

tool_loops! {
    claude_code_before_anthropic: Agent::ClaudeCode => Dialect::Anthropic;
    claude_code_before_openai: Agent::ClaudeCode => Dialect::OpenAi;
    claude_code_before_responses: Agent::ClaudeCode => Dialect::Responses;
    claude_code_before_gemini: Agent::ClaudeCode => Dialect::Gemini;
    codex_before_responses: Agent::Codex => Dialect::Responses;
    codex_before_openai: Agent::Codex => Dialect::OpenAi;
    codex_before_anthropic: Agent::Codex => Dialect::Anthropic;
    codex_before_gemini: Agent::Codex => Dialect::Gemini;
    gemini_cli_before_gemini: Agent::GeminiCli => Dialect::Gemini;
    gemini_cli_before_openai: Agent::GeminiCli => Dialect::OpenAi;
    gemini_cli_before_anthropic: Agent::GeminiCli => Dialect::Anthropic;
    gemini_cli_before_responses: Agent::GeminiCli => Dialect::Responses;
    copilot_in_completions: Agent::Copilot(Wire::Completions) => Dialect::Anthropic;
    copilot_in_responses: Agent::Copilot(Wire::Responses) => Dialect::Anthropic;
    copilot_in_websocket: Agent::Copilot(Wire::WebSocket) => Dialect::OpenAi;
    copilot_in_messages: Agent::Copilot(Wire::Messages) => Dialect::OpenAi;
    copilot_in_azure: Agent::Copilot(Wire::Azure) => Dialect::Gemini;
}

struct Loop {
    upstream: Dialect,
    provider: Provider,
    scene: Scene,
    ran: Ran,
}

impl Loop {
    fn run(agent: Agent, upstream: Dialect) -> Self {
        let call = agent.call("call_scripted", COMMAND);
        let answer = Answer::text(FINAL)
            .usage(USAGE)
            .thinking(THOUGHT, SIGNATURE)
            .tool(&call.id, &call.name, call.arguments);
        let provider = Provider::speaking(upstream).plays(answer).start();
        let scene = Scene::on(Gateway::shared()).models(&[agent.model()]);
        let mapping = json!({scene.first_model(): upstream_model(upstream)});
        let scene = scene
            .channel_with(&provider, json!({"model_mapping": mapping}))
            .ready();
        let ran = agent.run(
            scene.address,
            &scene.token.key,
            &scene.model,
            "Which word is in word.txt?",
            ("word.txt", WORD),
        );
        Self {
            upstream,
            provider,
            scene,
            ran,
        }
    }

    #[track_caller]
    fn check(&self) {
        let output = &self.ran.output;
        assert!(self.ran.status.success(), "{}: {output}", self.ran.status);
        assert!(self.ran.said().contains(FINAL), "{output}");
        assert_eq!(self.ran.file("ran.txt").as_deref(), Some(WORD), "{output}");

        let last = self.last_call();
        assert!(last.everything().contains(WORD), "{}", last.everything());
        if self.proves_thoughts() {
            assert!(
                last.everything().contains(SIGNATURE),
                "{}",
                last.everything()
            );
        }
        self.check_books();
    }

    /// One row in the log for each call, with the tokens that the provider told.
    #[track_caller]
    fn check_books(&self) {
        let told = self.provider.told();
        let expected = (
            self.provider.calls().len() as u64,
            told.gross_input(),
            told.output,
        );
        assert!(expected.0 >= 2, "{expected:?}");
        eventually("the log equals the provider's books", || {
            let rows = self.scene.logs();
            let booked = rows.iter().fold((0, 0, 0), |sum, row| {
                let (input, output) = row.tokens();
                (sum.0 + 1, sum.1 + input, sum.2 + output)
            });
            let well = rows.iter().all(|row| row.outcome() == "success");
            if booked == expected && well {
                Ok(())
            } else {
                Err(format!("{booked:?}, not {expected:?}: {rows:#?}"))
            }
        });
    }

    /// The one with the tool's result.
    fn last_call(&self) -> Call {
        self.provider.last_call()
    }

    /// Whether the upstream's thoughts come with a proof that it wants back.
    fn proves_thoughts(&self) -> bool {
        self.upstream != Dialect::OpenAi
    }
}

/// A model that thinks, by its vendor's name for it.
fn upstream_model(upstream: Dialect) -> &'static str {
    match upstream {
        Dialect::Anthropic => "claude-sonnet-4-6",
        Dialect::Gemini => "gemini-3-pro-preview",
        _ => "gpt-5.1",
    }
}
