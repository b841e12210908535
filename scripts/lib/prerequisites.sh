# shellcheck shell=bash
# What building and running fanmail needs. Prints nothing when everything is installed; names missing packages before
# it installs them. Needs common.sh.
# shellcheck disable=SC2154  # root comes from common.sh

rust_minimum=1.88

# Prints the path of the RabbitMQ server itself. Debian's wrapper of the same name in /usr/sbin insists on root
# and changes to user rabbitmq, so it comes last.
rabbitmq_server() {
  local candidate
  for candidate in /usr/lib/rabbitmq/bin/rabbitmq-server /usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server \
    "$(command -v rabbitmq-server || true)"; do
    if [[ -x $candidate ]]; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

# Whether one of these programs is in PATH, or where Debian puts servers and those of PostgreSQL.
have_program() {
  local name
  for name in "$@"; do
    if command -v "$name" >/dev/null || [[ -x /usr/sbin/$name ]] ||
      compgen -G "/usr/lib/postgresql/*/bin/$name" >/dev/null; then
      return
    fi
  done
  return 1
}

# Whether the programs of this Debian package are there, from any source.
have_package() {
  case $1 in
    gcc) command -v cc >/dev/null ;;
    libc6-dev) printf '#include <stdio.h>\n' | cc -E - >/dev/null 2>&1 ;;
    pkg-config) command -v pkg-config >/dev/null ;;
    libssl-dev) pkg-config --exists openssl 2>/dev/null ;;
    g++) command -v c++ >/dev/null ;;
    libpq-dev) pkg-config --exists libpq 2>/dev/null ;;
    # MySQL's own client library works as well as MariaDB's.
    libmariadb-dev) pkg-config --exists libmariadb 2>/dev/null || pkg-config --exists mysqlclient 2>/dev/null ;;
    rabbitmq-server) rabbitmq_server >/dev/null && command -v epmd >/dev/null ;;
    valgrind) command -v valgrind >/dev/null ;;
    postgresql) have_program initdb && have_program postgres && have_program psql ;;
    mariadb-server) # each by its newer or its older name
      have_program mariadbd mysqld && have_program mariadb-install-db mysql_install_db &&
        have_program mariadb mysql
      ;;
    nodejs) command -v node >/dev/null ;;
    npm) command -v npm >/dev/null ;;
    python3-dotenv) # of any python3 in PATH, or of Debian's
      python3 -c 'import dotenv.parser' 2>/dev/null || /usr/bin/python3 -c 'import dotenv.parser' 2>/dev/null
      ;;
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    *) return 1 ;;
  esac
}

need_packages() {
  local package missing=()
  for package in "$@"; do
    have_package "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  if ! command -v apt-get >/dev/null; then
    die "please install these, then run this again (Debian's package names): ${missing[*]}"
  fi
  step "Installing from Debian or Ubuntu: ${missing[*]}"
  as_root bash "$root/scripts/lib/install-packages.sh" "${missing[@]}" ||
    die "apt could not install ${missing[*]}; see its output above."
  for package in "${missing[@]}"; do
    have_package "$package" || die "$package was installed, but its programs are still not found."
  done
}

need_rust() {
  # rustup puts cargo into a folder that an open shell does not have in PATH yet.
  command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  local hint="get it with: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
  if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    die "Rust $rust_minimum or newer is needed and none was found; $hint"
  fi
  # In the project's folder, so that its own toolchain is used if it has one.
  local version
  version=$(cd "$root" && rustc --version) || die "rustc does not run; $hint"
  version=${version#rustc } version=${version%%[ -]*}
  [[ $(printf '%s\n' "$rust_minimum" "$version" | sort -V | sed -n 1p) == "$rust_minimum" ]] ||
    die "Rust $rust_minimum or newer is needed and this is $version; update it with: rustup update stable"
}

# need_cargo_tool NAME: a subcommand of cargo, in any version. If there is none, compiles a version that is known to
# work, which takes some minutes. Fails if that does not work.
need_cargo_tool() {
  local name=$1 version
  ! cargo "${name#cargo-}" --version >/dev/null 2>&1 || return 0
  case $name in
    cargo-deny) version=0.20.2 ;;
    cargo-fuzz) version=0.13.2 ;;
  esac
  step "Installing $name $version with cargo install, into ${CARGO_HOME:-$HOME/.cargo}/bin"
  cargo install --quiet --locked "$name@$version" </dev/null
}

# need_prerequisites [build] [broker] [databases] [python] [valgrind] [peers]
need_prerequisites() {
  local what packages=()
  for what in "$@"; do
    case $what in
      build) packages+=(gcc libc6-dev pkg-config libssl-dev libpq-dev libmariadb-dev) ;;
      broker) packages+=(rabbitmq-server) ;;
      databases) packages+=(postgresql mariadb-server) ;;
      python) packages+=(python3-dotenv) ;; # the judge of how .env is read
      valgrind) packages+=(valgrind) ;;
      peers) packages+=(nodejs npm python3-venv) ;;
    esac
  done
  need_packages "${packages[@]}"
  [[ " $* " != *" build "* ]] || need_rust
}
