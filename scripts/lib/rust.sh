# shellcheck shell=bash
# Rust: where none is, Debian's packages are installed; one that is too old stays, and the script says what to do. Needs
# common.sh, prerequisites.sh and versions.sh.
# shellcheck disable=SC2154  # root comes from common.sh

rust_minimum=1.88
rustup_hint="get it with: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"

# The version of a package that apt would install; nothing when there is none.
apt_candidate() {
  LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}\([0-9][0-9.]*\).*/\2/p'
}

# Prints the two packages of a Rust that is new enough. Debian 12 and 13 have one that Firefox is built with, rustc-web,
# beside an older rustc.
rust_packages() {
  local suffix version
  for suffix in '' -web; do
    version=$(apt_candidate "rustc$suffix")
    if [[ $version ]] && ! is_older "$version" "$rust_minimum"; then
      printf 'rustc%s cargo%s\n' "$suffix" "$suffix"
      return
    fi
  done
  return 1
}

# Where there is no Rust at all.
install_rust() {
  local packages
  if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! command -v sudo >/dev/null; }; then
    die "Rust $rust_minimum or newer is needed and none was found; $rustup_hint"
  fi
  if ! packages=$(rust_packages); then
    # No lists of packages yet, as in a fresh container, or old ones.
    as_root apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null || true
    packages=$(rust_packages) || say_no_rust
  fi
  # shellcheck disable=SC2086  # a list of words
  need_packages $packages
}

say_no_rust() {
  local newest
  newest=$(printf '%s\n' "$(apt_candidate rustc)" "$(apt_candidate rustc-web)" | sort -V | tail -n 1)
  local message="Rust $rust_minimum or newer is needed, none was found, and the newest one of apt is ${newest:-missing};"
  if [[ $newest ]] && grep -q '^VERSION_CODENAME=bookworm' /etc/os-release 2>/dev/null; then
    die "$message the security suite of Debian has a newer one. $(say_security_suite)"
  fi
  die "$message $rustup_hint"
}

# What to do about a Rust that is too old. Nothing is removed here: other programs may need it.
how_to_update_rust() {
  local packages
  if command -v rustup >/dev/null; then
    echo "update it with: rustup update stable"
  elif command -v apt-get >/dev/null && packages=$(rust_packages); then
    echo "replace it with: apt-get install $packages (apt removes the older one), or $rustup_hint"
  else
    echo "$rustup_hint"
  fi
}

# In the project's folder, so that its own toolchain is used if it has one.
rust_version() { (cd "$root" && rustc --version 2>/dev/null) | sed -n 's/^rustc \([0-9.]*\).*/\1/p'; }

need_rust() {
  local version own=${CARGO_HOME:-$HOME/.cargo}/bin
  # rustup puts cargo into a folder that an open shell does not have in PATH yet.
  command -v cargo >/dev/null || PATH=$PATH:$own
  if ! command -v cargo >/dev/null && ! command -v rustc >/dev/null; then install_rust; fi
  version=$(rust_version)
  if { [[ ! $version ]] || is_older "$version" "$rust_minimum"; } && [[ -x $own/cargo && -x $own/rustc ]]; then
    PATH=$own:$PATH # before an older one of the system
    hash -r
    version=$(rust_version)
  fi
  command -v cargo >/dev/null || die "cargo is missing beside $(command -v rustc); $rustup_hint"
  if [[ ! $version ]]; then
    if command -v rustup >/dev/null; then die "rustc does not run; choose a toolchain with: rustup default stable"; fi
    die "rustc does not run; $rustup_hint"
  fi
  ! is_older "$version" "$rust_minimum" ||
    die "Rust $rust_minimum or newer is needed and $(command -v rustc) is $version; $(how_to_update_rust)"
}
