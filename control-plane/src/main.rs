//! The `tollgate` command; see the library for everything else.

use std::process::ExitCode;

use clap::Parser;
use tollgate::cli::{Cli, Command};
use tollgate::{apply, check, import, rotate, run};

fn main() -> ExitCode {
    let command = Cli::parse().command;
    if let Command::ExecEnvoy(args) = &command {
        // Before any thread is started.
        return finish(run::exec_envoy(args));
    }
    tollgate::log_to_stderr();
    let done = match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let done = runtime.block_on(carry_out(command));
            // Everything that had to end has; whatever a library still waits for may be cut.
            runtime.shutdown_background();
            done
        }
        Err(error) => Err(error.into()),
    };
    finish(done)
}

fn finish(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tollgate: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(args) => run::run(&args).await,
        Command::Serve(args) => run::serve_alone(&args).await,
        Command::Bootstrap(args) => check::bootstrap(&args).map(|json| println!("{json}")),
        Command::Check(args) => check::check(&args).await,
        Command::Apply(args) => blocking(move || apply::apply(&args)).await,
        Command::Import(args) => import::import(args).await,
        Command::Export(args) => blocking(move || apply::export(&args)).await,
        Command::RotateKey(args) => rotate::rotate_key(&args).await,
        Command::ExecEnvoy(args) => run::exec_envoy(&args),
    }
}

/// Work that waits for others by itself.
async fn blocking(
    work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(work).await?
}

/// An error and its causes, without those whose text is in it already.
fn one_line(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |line, cause| {
        let cause = cause.to_string().replace('\n', " ");
        match line.as_str() {
            "" => cause,
            seen if seen.contains(&cause) => line,
            _ => format!("{line}: {cause}"),
        }
    })
}
