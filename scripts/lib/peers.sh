# shellcheck shell=bash
# The programs that fanmail is compared to: benches/peers/ and their libraries, which go into a cache folder.
# Needs common.sh and prerequisites.sh.
# shellcheck disable=SC2154  # root comes from common.sh

# Sets LETTRE_POOL, NODEMAILER_MODULES and AIOSMTPLIB_PYTHON.
need_peers() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/fanmail/peers
  need_prerequisites peers
  step "Building benches/peers/lettre_pool.rs"
  (cd "$root" && cargo build --quiet --release --locked --all-features --example lettre_pool </dev/null) ||
    die "benches/peers/lettre_pool.rs could not be compiled."
  peer_is_there nodemailer package.json || peer_install nodemailer package.json
  peer_is_there aiosmtplib requirements.txt || peer_install aiosmtplib requirements.txt
  export LETTRE_POOL=${CARGO_TARGET_DIR:-$root/target}/release/examples/lettre_pool
  export NODEMAILER_MODULES=$cache/nodemailer/node_modules AIOSMTPLIB_PYTHON=$cache/aiosmtplib/bin/python
}

# peer_is_there NAME FILE: whether what FILE pins is installed; FILE is copied last.
peer_is_there() { cmp -s "$root/benches/peers/$1/$2" "$cache/$1/installed"; }

peer_install() {
  local name=$1 pinned=$root/benches/peers/$1/$2 folder=$cache/$1
  step "Installing $name into $folder"
  rm -rf "$folder"
  mkdir -p "$folder"
  "install_$name" "$folder" "$pinned" ||
    die "$name could not be installed; the reason is above. The first installation needs the network."
  cp "$pinned" "$folder/installed"
}

install_nodemailer() {
  cp "$2" "$1/package.json"
  npm install --prefix "$1" --silent --no-audit --no-fund --no-package-lock </dev/null
}

install_aiosmtplib() {
  python3 -m venv "$1" && "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$2" </dev/null
}
