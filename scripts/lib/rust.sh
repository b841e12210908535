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

# Prints the two packages of a Rust that is new enough. Debian 12 and 13 have one for web browsers, rustc-web, beside an
# older rustc. Ubuntu has several with the version in the name, which stand beside each other.
rust_packages() {
  local compiler version names
  names=$(apt-cache search --names-only '^rustc-1[.][0-9]+$' 2>/dev/null | sed 's/ .*//' | sort -rV) || true
  for compiler in rustc rustc-web $names; do
    version=$(apt_candidate "$compiler")
    if [[ $version && $(apt_candidate "cargo${compiler#rustc}") ]] && ! is_older "$version" "$rust_minimum"; then
      printf '%s cargo%s\n' "$compiler" "${compiler#rustc}"
      return
    fi
  done
  return 1
}

# Takes the newest of Ubuntu's Rusts with the version in the name: they are in no folder of PATH.
use_versioned_rust() {
  local folder
  folder=$(compgen -G '/usr/lib/rust-1.*/bin' | sort -rV | sed -n 1p) || true
  if [[ ! $folder || ! -x $folder/cargo || ! -x $folder/rustc ]]; then return; fi
  PATH=$folder:$PATH
  hash -r
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
  command -v cargo >/dev/null || use_versioned_rust
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
    if [[ $packages == rustc-1* ]]; then
      echo "run this again after: apt-get install $packages"
    else
      echo "replace it with: apt-get install $packages (apt removes the older one), or $rustup_hint"
    fi
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
  command -v cargo >/dev/null || use_versioned_rust
  if ! command -v cargo >/dev/null && ! command -v rustc >/dev/null; then install_rust; fi
  version=$(rust_version)
  if { [[ ! $version ]] || is_older "$version" "$rust_minimum"; } && [[ -x $own/cargo && -x $own/rustc ]]; then
    PATH=$own:$PATH # before an older one of the system
    hash -r
    version=$(rust_version)
  fi
  if [[ $version ]] && is_older "$version" "$rust_minimum"; then
    use_versioned_rust
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
