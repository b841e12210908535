# shellcheck shell=bash
# Everything that is right or wrong without running fanmail. Needs common.sh and the prerequisites.

static_checks() {
  step "Formatting"
  cargo fmt --all --check || die "run: cargo fmt"

  step "Clippy"
  cargo clippy --locked --all-targets -- -D warnings

  step "Documentation"
  RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items

  step "Shell scripts"
  if command -v shellcheck >/dev/null; then
    shellcheck -x scripts/{check,demo,pictures,seed,send-test-message,test} scripts/lib/*.sh .ci/run
  else
    note "skipped: shellcheck is not installed (apt-get install shellcheck)"
  fi

  step "Dependencies"
  if cargo deny --version >/dev/null 2>&1; then
    cargo deny --locked check
  else
    note "skipped: cargo-deny is not installed (cargo install --locked cargo-deny)"
  fi
}
