# Two commands do everything: `make demo` and `make test`. `make check` is what continuous integration runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find crates -name '*.rs' -o -name Cargo.toml)

.PHONY: demo test test-rust test-python test-neon check setup docs bench bench-pages clean

demo: $(VENV)/.built  ## Segment a photograph into 32 colours, and put the two side by side
	$(BIN)/python examples/demo.py

test: test-rust test-python  ## All tests, Rust and Python

test-rust:
	cargo test --locked

test-python: $(VENV)/.built
	$(BIN)/python -m pytest

# Debian: apt-get install qemu-user gcc-aarch64-linux-gnu; rustup target add aarch64-unknown-linux-gnu.
test-neon: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER = aarch64-linux-gnu-gcc
test-neon: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER = qemu-aarch64 -L /usr/aarch64-linux-gnu
test-neon:  ## The kernels' tests as an emulated ARM processor runs them
	cargo test --locked --release -p rustem-core --lib --target aarch64-unknown-linux-gnu -- kernels:: simd::

check: $(VENV)/.built  ## Linters, formatters and type checks
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps -p rustem-core
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest rustem._core --ignore-disjoint-bases

setup: $(VENV)/.built  ## Environment and build, ready to work in

docs: $(VENV)/.built  ## HTML under docs/_build
	$(BIN)/pip install --quiet -r docs/requirements.txt
	$(BIN)/python -m sphinx -W -b html docs docs/_build/html

bench: $(VENV)/.built  ## Compare with the peers; RUSTEM_DATA names the folder of pictures
	$(BIN)/pip install --quiet -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks.mixture.classic --readme README.md

bench-pages: $(VENV)/.built  ## The tables of docs/, half an hour and more
	$(BIN)/pip install --quiet -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks.mixture.kernels --page docs/theory/performance.md
	$(BIN)/python -m benchmarks.mixture.scaling --docs docs/theory/performance.md --plot docs/images/scaling.svg
	$(BIN)/python -m benchmarks.mixture.likelihood passes --docs docs/theory/performance.md
	$(BIN)/python -m benchmarks.mixture.likelihood optima --docs docs/theory/performance.md
	$(BIN)/python -m benchmarks.mixture.defaults --docs docs/guides/segment.md --sheet docs/images/defaults.jpg
	$(BIN)/python -m benchmarks.mixture.selection --docs docs/guides/selection.md
	$(BIN)/python -m benchmarks.regions.regions --docs docs/guides/regions.md --gallery docs/images/regions.jpg
	$(BIN)/python -m benchmarks.quantization.palettes --docs docs/guides/palettes.md
	$(BIN)/python -m benchmarks.quantization.palette_speed --docs docs/guides/palettes.md
	$(BIN)/python -m benchmarks.quantization.png_size --docs docs/guides/palettes.md
	$(BIN)/python -m benchmarks.quantization.dithering --docs docs/guides/palettes.md
	$(BIN)/python -m benchmarks.quantization.gallery docs/images/palettes.jpg
	$(BIN)/python -m benchmarks.mixture.targets --docs docs/theory/performance.md

clean:
	cargo clean
	rm -rf $(VENV) demo docs/_build

$(VENV)/.installed: requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# An editable build: Python sources are used as they lie, the core is compiled when it has changed.
$(VENV)/.built: $(VENV)/.installed $(SOURCES)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked
	touch $@
