//! A child process: its output is kept, and it is signalled by its own pid and nothing else.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually::within;

/// Longer than any drain that the tests configure.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    output: Arc<Mutex<String>>,
    /// Ends the child when this process ends without dropping it, as with a gateway that many
    /// tests share. It waits at the other end of a pipe.
    watchdog: Child,
}

impl Process {
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn spawn(name: &'static str, command: &mut Command) -> Self {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("{name} does not start: {e}"));
        let output = Arc::new(Mutex::new(String::new()));
        keep(child.stdout.take().expect("piped"), &output);
        keep(child.stderr.take().expect("piped"), &output);
        let watchdog = watch(child.id());
        Self {
            name,
            child,
            output,
            watchdog,
        }
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it has written so far, standard output and error together.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().expect("not poisoned").clone()
    }

    pub fn signal(&self, signal: Signal) {
        signal_pid(self.pid(), signal);
    }

    /// # Panics
    /// When it cannot be asked.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// # Panics
    /// When it does not end in time.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let name = self.name;
        let status = within(limit, &format!("{name} ends"), || {
            self.exited()
                .ok_or_else(|| "it is still running".to_owned())
        });
        // The pipes may hold a last line.
        thread::sleep(Duration::from_millis(20));
        status
    }

    /// Asks it to end, and makes it if it does not.
    pub fn stop(&mut self) {
        if self.exited().is_some() {
            return;
        }
        self.signal(Signal::SIGTERM);
        let deadline = std::time::Instant::now() + STOP_PATIENCE;
        while self.exited().is_none() {
            if std::time::Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it without asking.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        // Its task is done, and the pid may soon be somebody else's.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        if thread::panicking() {
            eprintln!(
                "--- what {} wrote ---\n{}---",
                self.name,
                tail(&self.output())
            );
        }
    }
}

/// # Panics
/// When the pid is none.
pub fn signal_pid(pid: u32, signal: Signal) {
    let _ = kill(Pid::from_raw(i32::try_from(pid).expect("a pid")), signal);
}

/// Pids of the direct children of a process.
///
/// # Panics
/// When `ps` does not run.
#[must_use]
pub fn children_of(pid: u32) -> Vec<u32> {
    let ps = Command::new("ps")
        .args(["-A", "-o", "pid=,ppid="])
        .output()
        .expect("ps runs");
    String::from_utf8_lossy(&ps.stdout)
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().map(|w| w.parse::<u32>().ok());
            let (child, parent) = (words.next()??, words.next()??);
            (parent == pid).then_some(child)
        })
        .collect()
}

fn keep(from: impl Read + Send + 'static, output: &Arc<Mutex<String>>) {
    let output = Arc::clone(output);
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            output
                .lock()
                .expect("not poisoned")
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}

fn watch(pid: u32) -> Child {
    Command::new("sh")
        .args([
            "-c",
            "cat >/dev/null; kill -TERM $0 2>/dev/null",
            &pid.to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C in the terminal must end the tests, not their watchdog.
        .process_group(0)
        .spawn()
        .expect("sh runs")
}

/// Removes a folder when this process has ended and the one with the pid as well.
///
/// # Panics
/// When `sh` does not run.
pub fn remove_afterwards(folder: &Path, pid: u32) {
    let wait = "cat >/dev/null; while kill -0 $0 2>/dev/null; do sleep 0.2; done; rm -rf \"$1\"";
    let watchdog = Command::new("sh")
        .args(["-c", wait, &pid.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("sh runs");
    // Its end of the pipe must stay open as long as this process lives.
    std::mem::forget(watchdog);
}

fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(60)..]
        .iter()
        .flat_map(|l| [l, "\n"])
        .collect()
}
