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

lint: ## format and lints, warnings are errors
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

deny: ## licences, sources and advisories of the dependencies (installs cargo-deny; the last needs github.com)
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check licenses bans sources
	$(CARGO) deny check advisories

lab: build ## the service on a real systemd: crashes, hangs, reboots; needs root (tests/lab/run)
	@tests/lab/run

rpm: build ## the package, into target/rpm
	@packaging/rpm

lab-rpm: rpm ## the same as lab, with the package installed, upgraded and removed
	@tests/lab/run target/rpm/*.rpm

bench: deps ## figures beside their floors; nothing here fails a build
	$(CARGO) bench

.PHONY: help deps build install demo test lint deny lab rpm lab-rpm bench
