//! The `tollgate` command; see the library for everything else.

use std::process::ExitCode;

use clap::Parser;
use tollgate::cli::{Cli, Command};
use tollgate::{check, run};

#[tokio::main]
async fn main() -> ExitCode {
    tollgate::log_to_stderr();
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args).await,
        Command::Serve(args) => run::serve_alone(&args).await,
        Command::Bootstrap(args) => check::bootstrap(&args).map(|json| println!("{json}")),
        Command::Check(args) => check::check(&args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tollgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
