# What a newcomer needs is `make demo` and `make test`; `make help` lists the rest.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

deps: ## install what is missing to build, test and show (apt-get or dnf)
	@scripts/deps

build: ## the programs, optimised, into target/release
	$(CARGO) build --release

install: ## what `make build` built, below DESTDIR (default: this host)
	@scripts/install

demo: deps build ## the main job on a real beanstalkd, from start to stop
	@demo/run target/release

test: deps lint ## every test: Ruby's, then Rust's
	@scripts/test

lint: ## format, lints and documentation, warnings are errors
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --no-deps

deny: ## licences, sources and advisories of the dependencies (installs cargo-deny; the last needs github.com)
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check licenses bans sources
	$(CARGO) deny check advisories

chaos: deps ## everything goes wrong at once, for SECONDS (300), as SEED says (prints one)
	SECONDS=$(or $(SECONDS),300) $(if $(SEED),SEED=$(SEED)) $(CARGO) test --test chaos -- --nocapture whatever

fuzz: deps ## made-up bytes for whatever reads bytes, SECONDS (120) for each; finds are kept
	SECONDS_EACH=$(or $(SECONDS),120) scripts/fuzz

lab: build ## the service on a real systemd: crashes, hangs, reboots, an update; needs root
	@tests/lab/run rpm target/release

lab-rpm: rpm ## the same with the programs of `make rpm`
	@tests/lab/run rpm "$$(packaging/build)"

lab-deb: deb ## and as a Debian package
	@tests/lab/run deb "$$(packaging/build)"

vm: rpm ## the package on a kernel of its own: a reboot, a power cut, limits of memory; needs root, minutes
	@tests/lab/vm "$$(packaging/build)"

rpm: ## the package, into target/rpm; its programs run on glibc 2.28
	@packaging/rpm

deb: ## the package for Debian, into target/deb
	@packaging/deb

same: ## builds the packages again elsewhere, and compares the bytes
	@packaging/same

bench: deps ## figures beside their floors; nothing here fails a build
	$(CARGO) bench
	$(CARGO) test --test kills -- --nocapture fifty_kills
	ruby ruby/test/run.rb rails -n'/eight_forked|100_ms/'

.PHONY: help deps build install demo test lint deny chaos fuzz lab lab-rpm lab-deb vm rpm deb same bench
