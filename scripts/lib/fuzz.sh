# shellcheck shell=bash
# Fuzzing: the search for an input that breaks a property of testkit/src/properties.rs. Works with stable Rust, because
# it uses no sanitizer: fanmail has no unsafe code. Needs common.sh and prerequisites.sh.
# shellcheck disable=SC2154  # root comes from common.sh

# fuzz_targets SECONDS: runs each target for that long. An input that breaks a property is kept in fuzz/artifacts;
# cargo-fuzz prints the command that runs it again.
fuzz_targets() {
  local seconds=$1 target targets
  targets=("$root"/fuzz/fuzz_targets/*.rs) targets=("${targets[@]##*/}") targets=("${targets[@]%.rs}")
  if ! need_cargo_tool cargo-fuzz; then
    warn "cargo-fuzz is not installed; skipped the fuzz targets ${targets[*]}"
    return
  fi
  need_packages g++ # libFuzzer is C++
  cp --update "$root/Cargo.lock" "$root/fuzz/Cargo.lock" # what is fuzzed is what is shipped
  for target in "${targets[@]}"; do
    step "Fuzzing $target for $seconds s"
    mkdir -p "$root/fuzz/corpus/$target"
    (
      cd "$root"
      cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=5 -max_len=70000 -print_final_stats=1 -verbosity=0
    ) || die "the fuzz target $target found an input that breaks a property; its file is named above."
  done
}
