# shellcheck shell=bash
# Shared by the set-up scripts beside it; sourced, never run.
#
# Every script here is idempotent: it says nothing when its work is done already, one line when it
# installs something (what, and why), and when it fails it names the command that mends it.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Everything that is made goes where Cargo puts its own output, so that `make clean` finds it.
TARGET=${CARGO_TARGET_DIR:-target}
mkdir -p "$TARGET"
TARGET=$(cd "$TARGET" && pwd)

say() { printf 'tollgate: %s\n' "$*" >&2; }
die() {
  say "$1"
  shift
  for line in "$@"; do printf '          %s\n' "$line" >&2; done
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

need_rust() {
  have cargo && have rustc && return
  die "Rust is missing." "Install it with rustup (rustup.rs), then run make again."
}

# One set-up at a time: `make -j` and a second terminal must not install into the same folder.
# Without flock (macOS) the scripts still work, only without that guard.
exclusive() {
  exec 9>"$TARGET/.$1.lock"
  if have flock; then flock 9; fi
}

# `timeout` where there is one (macOS has none).
limited() {
  if have timeout; then timeout "$@"; else shift && "$@"; fi
}
