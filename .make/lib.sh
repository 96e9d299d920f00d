# shellcheck shell=bash
# Shared by the set-up scripts beside it; sourced, never run.
#
# Every script here is idempotent: it says nothing when its work is done already, one line when it
# installs something (what, and why), and when it fails it names the command that mends it.

set -euo pipefail
unset MAKEFLAGS MFLAGS # under `make -j` they name a jobserver that scripts cannot reach; rustc warns of it
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
  if have cargo && have rustc; then return 0; fi
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

# apt_install WHY PACKAGE…: Debian's packages where we may install them, else the command that does.
apt_install() {
  local why=$1 log="$TARGET/apt.log"
  shift
  have apt-get || die "$why: missing here." "Install what Debian calls $*, then run make again."
  [[ $EUID -eq 0 ]] || die "$why: missing here." "Run: sudo apt-get install $*"
  say "installing Debian's $* ($why)"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qq install --no-install-recommends "$@"; } </dev/null >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; die "apt-get could not." "Run: apt-get install $*"; }
}

# venv DIR REQUIREMENTS WHY: a Python environment with exactly what the lock file says. Every wheel is
# checked against its hash, and no package's own code runs to install it (wheels only). The lock file
# names every package, so pip resolves nothing: of a package that another one wants with an extra, it
# would take the newest release instead of the locked one, and then miss its hash.
venv() {
  local dir=$1 requirements=$2 why=$3
  if cmp -s "$requirements" "$dir/installed.txt"; then return 0; fi

  exclusive "$(basename "$dir")"
  if cmp -s "$requirements" "$dir/installed.txt"; then return 0; fi # another run did it meanwhile
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install "Python, to install $why" python3 python3-venv
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "$(python3 -V) is too old to install $why." "Put Python 3.11 or newer on PATH as python3."
  say "installing $why"
  rm -rf "$dir"
  python3 -m venv "$dir" || die "Python cannot make a virtual environment (see above)."
  "$dir/bin/pip" install --quiet --disable-pip-version-check --no-input \
    --only-binary :all: --no-deps --require-hashes -r "$requirements" ||
    die "pip could not install $requirements (see above)." "Check the network, then run make again."
  cp "$requirements" "$dir/installed.txt"
}
