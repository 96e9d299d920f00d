//! Envoy as a child process.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::cli::ExecEnvoyArgs;

/// How to start it.
#[derive(Debug, Clone)]
pub(super) struct EnvoyCommand {
    pub(super) envoy: PathBuf,
    /// Its bootstrap.
    pub(super) file: PathBuf,
    pub(super) concurrency: Option<u32>,
}

/// A started Envoy; killed when dropped.
#[derive(Debug)]
pub(super) struct Envoy {
    child: Child,
    /// Told to end: what it says of the streams that this cuts is no news.
    ending: Arc<AtomicBool>,
    _starter: Starter,
}

/// The thread that started an Envoy. It lives as long as this value, because the kernel takes the
/// end of that thread for the end of the parent.
type Starter = std::sync::mpsc::Sender<()>;

/// After SIGTERM; it has nothing to do any more.
const TERM_PATIENCE: Duration = Duration::from_secs(5);

impl EnvoyCommand {
    pub(super) async fn start(&self) -> Result<Envoy> {
        let mut command = self.command()?;
        let runtime = tokio::runtime::Handle::current();
        let (starter, lives_on) = std::sync::mpsc::channel();
        let (report, started) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _in_runtime = runtime.enter();
            let _ = report.send(command.spawn());
            let _ = lives_on.recv();
        });
        let mut child = started
            .await?
            .with_context(|| self.envoy.display().to_string())?;
        let ending = Arc::new(AtomicBool::new(false));
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(pass_on(stderr, ending.clone()));
        }
        Ok(Envoy {
            child,
            ending,
            _starter: starter,
        })
    }

    /// This program, which becomes Envoy (see [`exec`]).
    fn command(&self) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("exec-envoy")
            .arg(std::process::id().to_string())
            .arg(&self.envoy)
            .args(["--disable-hot-restart", "--log-level", "warn"])
            .args(["--log-format", "%l %n: %v", "--config-path"])
            .arg(&self.file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Its own group: Ctrl-C is for us, and Envoy goes on until its calls have ended.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(threads) = self.concurrency {
            command.arg("--concurrency").arg(threads.to_string());
        }
        Ok(command)
    }
}

/// Becomes Envoy, after asking the kernel to end it with its parent: without one it would go on
/// and keep the port, with nobody to tell it anything.
///
/// # Errors
/// It only returns when that fails.
pub fn exec(args: &ExecEnvoyArgs) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?;
        // The parent may have ended before it was asked for.
        if nix::unistd::getppid().as_raw() != args.parent {
            return Ok(());
        }
    }
    let error = std::process::Command::new(&args.envoy)
        .args(&args.arguments)
        .exec();
    Err(error).with_context(|| args.envoy.display().to_string())
}

impl Envoy {
    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it to end, then makes it.
    pub(super) async fn end(mut self) -> Result<()> {
        let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) else {
            return Ok(());
        };
        self.ending.store(true, Ordering::Relaxed);
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        if tokio::time::timeout(TERM_PATIENCE, self.child.wait())
            .await
            .is_err()
        {
            self.child.kill().await.context("ending Envoy")?;
        }
        Ok(())
    }
}

async fn pass_on(output: impl AsyncRead + Unpin, ending: Arc<AtomicBool>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.is_empty() && !ending.load(Ordering::Relaxed) {
            eprintln!("envoy: {line}");
        }
    }
}
