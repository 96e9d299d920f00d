//! Keeps an Envoy running.

use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::child::EnvoyCommand;
use crate::gateways::Registry;

/// An Envoy that ran this long was all right, whatever ended it.
const HEALTHY: Duration = Duration::from_secs(60);

const BACK_OFF_MIN: Duration = Duration::from_millis(250);
const BACK_OFF_MAX: Duration = Duration::from_secs(15);

/// An Envoy that never served and ended this often will not serve.
const FUTILE_STARTS: u32 = 4;

/// Starts Envoy again whenever it ends, until told to stop.
#[derive(Debug)]
pub(super) struct Supervisor {
    stop: oneshot::Sender<()>,
    gave_up: mpsc::Receiver<Error>,
    task: JoinHandle<Result<()>>,
}

impl Supervisor {
    pub(super) fn start(command: EnvoyCommand, registry: Registry) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (report, gave_up) = mpsc::channel(1);
        let task = tokio::spawn(keep(command, registry, stopped, report));
        Self {
            stop,
            gave_up,
            task,
        }
    }

    /// Why there is no point in starting it again; waits for ever if there is.
    pub(super) async fn gave_up(&mut self) -> Error {
        match self.gave_up.recv().await {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    pub(super) async fn end(self) -> Result<()> {
        let _ = self.stop.send(());
        self.task.await?
    }
}

async fn keep(
    command: EnvoyCommand,
    registry: Registry,
    mut stopped: oneshot::Receiver<()>,
    report: mpsc::Sender<Error>,
) -> Result<()> {
    let mut short_lives = 0;
    let mut ever_ready = false;
    loop {
        let started = Instant::now();
        let ended = match command.start().await {
            Ok(mut envoy) => {
                let ended = loop {
                    tokio::select! {
                        status = envoy.wait() => break status.map_err(Error::from),
                        _ = &mut stopped => return envoy.end().await,
                        () = registry.wait_until_ready(), if !ever_ready => ever_ready = true,
                    }
                };
                ended.map(|status| status.to_string())
            }
            Err(error) => Err(error),
        };
        let what = ended.unwrap_or_else(|error| format!("{error:#}"));
        short_lives = if started.elapsed() >= HEALTHY {
            0
        } else {
            short_lives + 1
        };
        if !ever_ready && short_lives >= FUTILE_STARTS {
            let error =
                anyhow!("Envoy ends whenever it is started ({what}); its last words are above");
            let _ = report.send(error).await;
            return Ok(());
        }
        let wait = back_off(short_lives);
        eprintln!(
            "tollgate: Envoy ended ({what}); starting it again in {} ms",
            wait.as_millis()
        );
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = &mut stopped => return Ok(()),
        }
    }
}

/// Before the next start, after so many short lives in a row.
fn back_off(short_lives: u32) -> Duration {
    let doublings = short_lives.saturating_sub(1).min(16);
    (BACK_OFF_MIN * 2_u32.pow(doublings)).min(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_and_is_bounded() {
        for (short_lives, ms) in [
            (0, 250),
            (1, 250),
            (2, 500),
            (3, 1000),
            (6, 8000),
            (7, 15_000),
            (u32::MAX, 15_000),
        ] {
            assert_eq!(
                back_off(short_lives),
                Duration::from_millis(ms),
                "{short_lives}"
            );
        }
    }
}
