# shellcheck shell=bash
# What building and running fanmail needs. Prints nothing when everything is installed; names missing packages before
# it installs them. Needs common.sh.
# shellcheck disable=SC2154  # root comes from common.sh

# shellcheck source-path=SCRIPTDIR source=versions.sh
source "${BASH_SOURCE[0]%/*}/versions.sh"
# shellcheck source-path=SCRIPTDIR source=rust.sh
source "${BASH_SOURCE[0]%/*}/rust.sh"

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

# Whether there is a client library of MySQL or MariaDB that reads rightly. MySQL's own works as well as MariaDB's.
have_mysql_client() {
  local version
  if version=$(pkg-config --modversion libmariadb 2>/dev/null); then
    ! connector_reads_wrong "$version"
  else
    pkg-config --exists mysqlclient 2>/dev/null
  fi
}

# Whether cargo can verify the servers of crates.io: the certificates where the systems have them, or those of a variable.
have_certificates() {
  local file
  for file in "${CARGO_HTTP_CAINFO-}" "${SSL_CERT_FILE-}" /etc/ssl/certs/ca-certificates.crt \
    /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
    if [[ -s $file ]]; then return; fi
  done
  return 1
}

# Whether localhost is a name, as RabbitMQ needs. Debian's netbase writes /etc/hosts where there is none, as in a chroot.
have_localhost() { ! command -v getent >/dev/null || getent hosts localhost >/dev/null; }

# Whether the programs of this Debian package are there, from any source.
have_package() {
  case $1 in
    gcc) command -v cc >/dev/null ;;
    libc6-dev) printf '#include <stdio.h>\n' | cc -E - >/dev/null 2>&1 ;;
    pkg-config) command -v pkg-config >/dev/null ;;
    libssl-dev) pkg-config --exists openssl 2>/dev/null ;;
    g++) command -v c++ >/dev/null ;;
    libpq-dev) pkg-config --exists libpq 2>/dev/null ;;
    libmariadb-dev) have_mysql_client ;;
    ca-certificates) have_certificates ;;
    rustc-1.* | cargo-1.*) [[ -x /usr/lib/rust-${1#*-}/bin/${1%%-*} ]] ;;
    rustc*) command -v rustc >/dev/null ;;
    cargo*) command -v cargo >/dev/null ;;
    rabbitmq-server) rabbitmq_server >/dev/null && command -v epmd >/dev/null ;;
    netbase) have_localhost ;;
    valgrind) command -v valgrind >/dev/null ;;
    postgresql) have_program initdb && have_program postgres && have_program psql ;;
    mariadb-server) # each by its newer or its older name
      have_program mariadbd mysqld && have_program mariadb-install-db mysql_install_db &&
        have_program mariadb mysql
      ;;
    prometheus) command -v prometheus >/dev/null && command -v promtool >/dev/null ;;
    nodejs) command -v node >/dev/null ;;
    npm) command -v npm >/dev/null ;;
    python3-dotenv) has_python_module dotenv.parser ;;
    python3-dkim) has_python_module dkim ;;
    python3-nacl) has_python_module nacl.signing ;;
    groff-base) command -v groff >/dev/null ;;
    libmail-dkim-perl) perl -MMail::DKIM::Verifier -e 1 2>/dev/null ;;
    fonts-noto-core) compgen -G "/usr/share/fonts/*/*/NotoSansArabic*" >/dev/null ;;
    chromium-headless-shell) find_chromium >/dev/null ;;
    debootstrap | lintian) command -v "$1" >/dev/null ;;
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    *) return 1 ;;
  esac
}

# Whether the python3 in PATH, or Debian's, has this module.
has_python_module() { python3 -c "import $1" 2>/dev/null || /usr/bin/python3 -c "import $1" 2>/dev/null; }

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
    die "apt could not install ${missing[*]}; see its output above. Nothing was removed."
  for package in "${missing[@]}"; do
    have_package "$package" || say_still_missing "$package"
  done
}

# need_cargo_tool NAME: a subcommand of cargo, in any version. If there is none, compiles a version that is known to
# work, which takes some minutes. Fails if that does not work.
need_cargo_tool() {
  local name=$1 version
  ! cargo "${name#cargo-}" --version >/dev/null 2>&1 || return 0
  case $name in
    cargo-deb) version=3.8.0 ;;
    cargo-deny) version=0.20.2 ;;
    cargo-fuzz) version=0.13.2 ;;
  esac
  step "Installing $name $version with cargo install, into ${CARGO_HOME:-$HOME/.cargo}/bin"
  cargo install --quiet --locked "$name@$version" </dev/null
}

# need_prerequisites [build] [broker] [databases] [judges] [prometheus] [valgrind] [peers]
need_prerequisites() {
  local what packages=()
  for what in "$@"; do
    case $what in
      build) packages+=(ca-certificates gcc libc6-dev pkg-config libssl-dev libpq-dev libmariadb-dev) ;;
      broker) packages+=(rabbitmq-server netbase) ;;
      databases) packages+=(postgresql mariadb-server) ;;
      judges) packages+=(python3-dotenv python3-dkim python3-nacl libmail-dkim-perl groff-base) ;; # of how .env is read, of DKIM signatures, and of man pages
      prometheus) packages+=(prometheus) ;; # for tests of the alerts
      valgrind) packages+=(valgrind) ;;
      peers) packages+=(nodejs npm python3-venv) ;;
    esac
  done
  need_packages "${packages[@]}"
  [[ " $* " != *" broker "* ]] || check_rabbitmq
  if [[ " $* " == *" databases "* ]]; then
    check_databases
    # What the client libraries of the databases read from the caller's environment is for other servers.
    unset PGHOST PGHOSTADDR PGPORT PGUSER PGPASSWORD PGPASSFILE PGDATABASE PGSERVICE PGSERVICEFILE PGOPTIONS PGDATA \
      PGSSLMODE PGSSLROOTCERT PGCLIENTENCODING PGTZ MYSQL_PWD MYSQL_HOST MYSQL_TCP_PORT MYSQL_UNIX_PORT
  fi
  [[ " $* " != *" build "* ]] || need_rust
}
