# shellcheck shell=bash
# What the publishers of examples/ need, for their tests: a Python with the libraries of tests/publishers/requirements.txt.
# They go into a cache folder, where tests/integration/publishers/driver.rs finds them. Needs common.sh and prerequisites.sh.
# shellcheck disable=SC2154  # root comes from common.sh

need_publishers() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/fanmail/publishers pinned=$root/tests/publishers
  if publishers_are_there; then return; fi
  need_packages python3-venv
  step "Installing the libraries of the publishers' tests into $cache"
  rm -rf "$cache"
  mkdir -p "${cache%/*}"
  install_publishers </dev/null ||
    die "they could not be installed; the reason is above. The first installation needs the network."
}

# What the files pin is installed; they are copied last.
publishers_are_there() {
  cmp -s "$pinned/requirements.txt" "$cache/requirements.txt" && "$cache/bin/python" -c '' 2>/dev/null
}

install_publishers() {
  python3 -m venv "$cache" &&
    "$cache/bin/python" -m pip install --quiet --disable-pip-version-check -r "$pinned/requirements.txt" &&
    cp "$pinned/requirements.txt" "$cache/"
}
