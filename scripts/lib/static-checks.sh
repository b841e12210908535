# shellcheck shell=bash
# All checks that do not run fanmail. Needs common.sh and the prerequisites.

unchecked=() # what could not be checked here

left_out() {
  warn "NOT CHECKED: $*"
  unchecked+=("$*")
}

static_checks() {
  step "Formatting"
  cargo fmt --all --check || die "run: cargo fmt"
  rustfmt --edition 2024 --check fuzz/fuzz_targets/*.rs || die "run: rustfmt --edition 2024 fuzz/fuzz_targets/*.rs"

  step "Clippy, with SQLite alone and with all databases"
  cargo clippy --locked --workspace --all-targets -- -D warnings
  cargo clippy --locked --workspace --all-targets --all-features -- -D warnings

  step "Documentation, with SQLite alone and with all databases"
  RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items
  RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items --all-features

  step "Shell scripts"
  if command -v shellcheck >/dev/null; then
    shellcheck -x scripts/{bench,chaos,check,demo,instructions,package,pictures,seed,send-test-message,test} scripts/lib/*.sh deploy/systemd/fanmail-run deploy/debian/post* .ci/run
  else
    left_out "shell scripts: shellcheck is not installed (apt-get install shellcheck)"
  fi

  step "Sizes of files"
  # A longer file does more than one thing.
  local long
  long=$(find src testkit tests benches fuzz/fuzz_targets -name '*.rs' -exec awk 'FNR == 301 { print FILENAME }' {} +)
  [[ -z $long ]] || die "longer than 300 lines; split up:"$'\n'"$long"

  check_dependencies
}

# Licences, sources and banned crates, and the advisories of RustSec, for which its database is fetched from GitHub.
check_dependencies() {
  step "Dependencies"
  if ! cargo deny --version >/dev/null 2>&1; then
    left_out "licences and advisories of the dependencies: cargo-deny is not installed" \
      "(cargo install --locked cargo-deny)"
    return
  fi
  cargo deny --locked check bans licenses sources
  if timeout 300 cargo deny --locked fetch db; then
    cargo deny --locked check advisories
  else
    left_out "known vulnerabilities of the dependencies: the advisory database cannot be reached"
  fi
}
