# shellcheck shell=bash
# The versions of what the scripts install or find: which the tests will start, and whether it is new enough. Needs
# common.sh and prerequisites.sh.

# The oldest versions that the tests were run with.
rabbitmq_minimum=3.10 postgresql_minimum=15 mariadb_minimum=10.11

# is_older VERSION MINIMUM
is_older() { [[ $1 != "$2" && $(printf '%s\n' "$1" "$2" | sort -V | sed -n 1p) == "$1" ]]; }

# Prints the path of the first of these programs, where the tests look for them: the newest version of PostgreSQL first.
server_program() {
  local name found
  for name in "$@"; do
    found=$({
      compgen -G "/usr/lib/postgresql/*/bin/$name" | sort -rV
      compgen -G "/usr/{sbin,libexec,local/sbin}/$name"
      command -v "$name"
    } 2>/dev/null | sed -n 1p) || true
    if [[ $found ]]; then
      printf '%s\n' "$found"
      return
    fi
  done
  return 1
}

# The version that a server says, such as "mariadbd  Ver 10.11.19-MariaDB" and "postgres (PostgreSQL) 15.14".
server_version() { "$1" --version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9.]*\).*/\1/p' | sed -n 1p; }

# RabbitMQ's program cannot say it without a start of Erlang, but its folder does.
rabbitmq_version() { readlink -f "$1" | sed -n 's|.*/rabbitmq_server-\([0-9.]*\)/.*|\1|p'; }

# check_version NAME PATH VERSION MINIMUM: an unknown version passes.
check_version() {
  if [[ ! $3 ]] || ! is_older "$3" "$4"; then return; fi
  die "$1 $4 or newer is needed, and this machine has $3 ($2). Please install a newer one (Debian 12 and Ubuntu 24.04" \
    "have it), or use another machine.${5:+ $5}"
}

check_rabbitmq() {
  local path
  path=$(rabbitmq_server) || return 0
  check_version RabbitMQ "$path" "$(rabbitmq_version "$path")" "$rabbitmq_minimum" \
    "scripts/demo also works with another broker: set AMQP_URL."
}

check_databases() {
  local path
  if path=$(server_program postgres); then
    check_version PostgreSQL "$path" "$(server_version "$path")" "$postgresql_minimum"
  fi
  if path=$(server_program mariadbd mysqld); then
    check_version MariaDB "$path" "$(server_version "$path")" "$mariadb_minimum"
  fi
}

# Whether this version of MariaDB Connector/C returns texts empty (CONC-821).
connector_reads_wrong() { [[ $1 == 3.3.19 || $1 == 3.4.9 ]]; }

# What to do when a package was installed and is still not good.
say_still_missing() {
  local version
  if [[ $1 == libmariadb-dev ]] && version=$(pkg-config --modversion libmariadb 2>/dev/null) &&
    connector_reads_wrong "$version"; then
    die "MariaDB Connector/C $version (package libmariadb3) returns texts empty, and apt has no other version." \
      "$(say_security_suite)"
  fi
  if [[ $1 == netbase ]]; then
    die "localhost has no address on this machine. As root, run this, then run the script again:" \
      "echo '127.0.0.1 localhost' >>/etc/hosts"
  fi
  die "$1 was installed, but its programs are still not found."
}

# How to get corrected packages, on a Debian whose sources have no security suite or on another system.
say_security_suite() {
  local codename
  if ! grep -q '^ID=debian' /etc/os-release 2>/dev/null; then
    printf '%s' "Please install another version of it, then run this again."
    return
  fi
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release) || true
  printf '%s' "Add the security suite of Debian, then run this again: echo 'deb http://deb.debian.org/debian-security" \
    " ${codename:-bookworm}-security main' >/etc/apt/sources.list.d/debian-security.list"
}
