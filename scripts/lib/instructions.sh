# shellcheck shell=bash
# Counting instructions, which scripts/instructions and scripts/check do. Needs common.sh, prerequisites.sh and
# smtp-tools.sh.
# shellcheck disable=SC2154  # root comes from common.sh

# What the numbers depend on besides the code, in one line: the compiler, the processor features that it may use, and
# the C library, which also looks for AVX2 by itself.
made_with() {
  local features processor=''
  # shellcheck disable=SC2086  # a list of words
  features=$(rustc ${RUSTFLAGS-} --print cfg | sed -n 's/^target_feature="\(.*\)"$/\1/p' | paste -sd ' ')
  if grep -qw avx2 /proc/cpuinfo; then processor=', AVX2'; fi
  printf '%s, %s (%s), %s%s\n' "$(rustc --version)" "$(uname -m)" "$features" "$(getconf GNU_LIBC_VERSION)" "$processor"
}

# count_instructions [--accept]: counts, and compares with benches/baseline.json or writes it. Fails when a number has
# grown.
# shellcheck disable=SC2120  # the script passes its own on
count_instructions() {
  need_smtp_tools
  VALGRIND=$(command -v valgrind) \
    cargo bench --quiet --locked --all-features --bench instructions -- --made-with "$(made_with)" "$@" </dev/null
}

# The same for scripts/check; skipped where the numbers cannot be compared. Needs static-checks.sh.
check_instructions() {
  step "Instructions per mail"
  # In a subshell, because a failed installation exits.
  if ! (need_prerequisites valgrind); then
    left_out "instructions per mail: valgrind is not installed"
  elif ! grep -qF "\"made_with\": \"$(made_with)\"" benches/baseline.json; then
    left_out "instructions per mail: benches/baseline.json was not made with $(made_with)"
  else
    # shellcheck disable=SC2119  # none of the script's own
    count_instructions || die "fanmail needs more instructions than before, or they were not counted: see above."
  fi
}
