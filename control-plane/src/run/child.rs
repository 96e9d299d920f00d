//! Envoy as a child process.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
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
            let ending = ending.clone();
            tokio::spawn(each_line(stderr, move |line| {
                if !ending.load(Ordering::Relaxed) {
                    // Nobody may read ours any more; Envoy's has to be read all the same.
                    let _ = writeln!(std::io::stderr(), "envoy: {line}");
                }
            }));
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
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| is_passed_on(name)))
            .arg("exec-envoy")
            .arg(std::process::id().to_string())
            .arg(&self.envoy)
            .args(["--disable-hot-restart", "--log-level", "warn"])
            .args(["--log-format", "%l %n: %v"])
            // A listener is only removed at the end, after the calls had their time (`drain`).
            .args(["--drain-time-s", "1", "--drain-strategy", "immediate"])
            .arg("--config-path")
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

/// What Envoy may need of our environment. The rest is not its business: there are keys in it.
const ENVIRONMENT: [&str; 9] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "TZ",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

fn is_passed_on(name: &OsStr) -> bool {
    ENVIRONMENT.iter().any(|known| name == *known)
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
    // Its memory holds every provider's key.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
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

/// A longer line is passed on in pieces.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// Whatever bytes there are, until the end.
async fn each_line(output: impl AsyncRead + Unpin, mut act: impl FnMut(&str)) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut piece = (&mut output).take(LINE_BYTES_MAX);
        match piece.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if !text.is_empty() {
            act(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn any_bytes_are_lines() {
        let mut output = b"one\n\xff\xfe two\r\n\n".to_vec();
        output.extend(vec![b'x'; 40_000]);
        output.extend(b"\nlast");
        let mut seen = Vec::new();
        each_line(output.as_slice(), |line| seen.push(line.to_owned())).await;
        let lengths: Vec<_> = seen.iter().map(String::len).collect();
        assert_eq!(lengths, [3, 10, 16_384, 16_384, 7232, 4]);
        assert_eq!(seen[1], "\u{fffd}\u{fffd} two");
    }

    #[test]
    fn no_secret_is_passed_on() {
        for (name, passed_on) in [
            ("PATH", true),
            ("SSL_CERT_FILE", true),
            ("ADMIN_KEY", false),
            ("OPENAI_API_KEY", false),
            ("SQL_DSN", false),
            ("LD_PRELOAD", false),
        ] {
            assert_eq!(is_passed_on(OsStr::new(name)), passed_on, "{name}");
        }
    }
}
