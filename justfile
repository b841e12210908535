# Short names for the commands of this repository. Each recipe is a thin call of cargo or of a script in scripts/, and works
# without just, too. `just` lists them; `scripts/NAME --help` explains a script. Install: cargo install --locked just

# List the recipes
default:
    @just --list --unsorted

# ── Try it ──────────────────────────────────────────────────────────────────────────────────────────────────────

# Send 750 mails in dry-run mode, with a private broker: a first look
demo:
    scripts/demo

# Create an event with made-up participants: just seed 123 --participants 50
seed event *arguments:
    scripts/seed --event {{ event }} {{ arguments }}

# Publish a notification: just publish UPDATED 123
publish type event *arguments:
    scripts/send-test-message --type {{ type }} --event {{ event }} {{ arguments }}

# Run any fanmail command, with all databases compiled in: just fanmail status --all
fanmail *arguments:
    cargo run --quiet --release --locked --all-features -- {{ arguments }}

# Show the mail of a kind in the browser: just preview UPDATED
preview type:
    cargo run --quiet --locked -- preview --type {{ type }} --open

# ── Change it ───────────────────────────────────────────────────────────────────────────────────────────────────

# Compile the release binary with all databases: target/release/fanmail
build:
    cargo build --release --locked --all-features

# Format all Rust code
fmt:
    cargo fmt --all
    rustfmt --edition 2024 fuzz/fuzz_targets/*.rs

# Run clippy with all databases (scripts/check also runs it with SQLite alone)
clippy:
    cargo clippy --locked --workspace --all-targets --all-features -- -D warnings

# Run unit tests: just unit worker:: (those of store:: start PostgreSQL and MariaDB)
unit *filter:
    cargo test --locked --all-features --lib {{ filter }}

# Run the tests, all or by name: just test --test integration relay_trouble
test *arguments:
    scripts/test {{ arguments }}

# Check everything that must be right before a change goes in
check:
    scripts/check

# Build the API documentation, private items included
docs:
    RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items --all-features

# Make the Debian package, and try it in a bare Debian (as root)
package *arguments:
    scripts/package {{ arguments }}

# Find spelling errors (pip install typos, or cargo install --locked typos-cli)
typos:
    typos

# Render docs/img/*.png again, after a change of the built-in templates (needs Chromium)
pictures:
    scripts/pictures

# ── Measure it ──────────────────────────────────────────────────────────────────────────────────────────────────

# Compare the CPU instructions per mail with benches/baseline.json; --accept writes a new baseline
instructions *arguments:
    scripts/instructions {{ arguments }}

# Measure fanmail beside other senders: just bench --quick
bench *arguments:
    scripts/bench {{ arguments }}

# Time the inner parts: decode, render, compose, dot-stuffing, pages, commits
inner *arguments:
    cargo bench --locked --bench inner -- {{ arguments }}

# What keys that are UUIDs cost beside whole numbers, on PostgreSQL
paging:
    cargo bench --locked --all-features --bench paging

# What asking for suppressed addresses costs a page, on each database
suppressions:
    cargo bench --locked --all-features --bench suppressions

# Faults at random moments, and what became of the mails: just chaos --runs 1
chaos *arguments:
    scripts/chaos {{ arguments }}
