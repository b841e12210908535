# shellcheck shell=bash
# A bare Debian in a folder, and trying the package of fanmail there. Needs common.sh and root.

# The same release as this machine, without anything that a machine needs to boot.
make_bare_debian() {
  local folder=$1 codename
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  step "Making a bare Debian ($codename) with debootstrap"
  debootstrap --variant=minbase "$codename" "$folder" http://deb.debian.org/debian >"$folder.log" 2>&1 ||
    die "debootstrap failed; its log is $folder.log"
  echo "deb http://deb.debian.org/debian-security $codename-security main" >>"$folder/etc/apt/sources.list"
  cp /etc/resolv.conf /etc/hosts "$folder/etc/"
}

# try_in_bare_debian PACKAGE
try_in_bare_debian() {
  ((EUID == 0)) || die "Trying the package needs root, for chroot. It is in $1."
  bare=$(mktemp -d "${TMPDIR:-/tmp}/fanmail-bare-XXXXXX")
  chmod 755 "$bare" # apt works as a user of its own there
  trap 'rm -rf "$bare" "$bare.log"' EXIT
  make_bare_debian "$bare"
  cp "$1" "$bare/fanmail.deb"
  step "Installing, using and removing the package there"
  chroot "$bare" /bin/bash -euo pipefail -s <<'EOF_BARE'
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
fail() { echo "package: $*" >&2; exit 1; }
apt-get -qq update
install_package() { apt-get -qq install --no-install-recommends -y "$1" </dev/null >/install.log 2>&1 || { cat /install.log; fail "apt cannot install $1"; }; }

# First an older version with another example of the settings.
dpkg-deb -R /fanmail.deb /older
sed -i 's/^Version: .*/Version: 0.0.1-1/' /older/DEBIAN/control
echo '# older' >>/older/usr/share/fanmail/fanmail.env
dpkg-deb --build /older /older.deb >/dev/null
install_package /older.deb
[[ $(stat -c %a /etc/fanmail/fanmail.env) == 640 ]] || fail "others may read the settings"
[[ ! -e /etc/systemd/system/multi-user.target.wants/fanmail.service ]] || fail "it is enabled before somebody has edited the settings"
echo 'LOG_LEVEL=DEBUG' >>/etc/fanmail/fanmail.env
install_package /fanmail.deb
fanmail --version
grep -q '^LOG_LEVEL=DEBUG' /etc/fanmail/fanmail.env || fail "an upgrade has overwritten the settings"
for path in /lib/systemd/system/fanmail{,-purge}.service /lib/systemd/system/fanmail-purge.timer /usr/sbin/fanmail-run /usr/share/man/man1/fanmail.1.gz \
  /usr/share/man/man8/fanmail-run.8.gz /usr/share/bash-completion/completions/fanmail /usr/share/doc/fanmail/{notices.txt.gz,docs/operations.md,docs/schema/message.json}; do
  [[ -s $path ]] || fail "$path is missing"
done

# It works: with SQLite, without a broker and without a mail.
mkdir /try && cd /try
cp /etc/fanmail/fanmail.env .env
fanmail migrate && fanmail seed --event 123 --participants 25 && fanmail publish --outbox --type UPDATED --event 123
fanmail worker --outbox-only >log 2>&1 &
for _ in {1..100}; do
  ! fanmail status --format json | grep -q '"completed"' || break
  sleep 0.1
done
kill %1 && wait %1 || { cat log; fail "the worker did not stop cleanly"; }
fanmail status --format json | tr -d ' \n' | grep -q '"sent":25' || { cat log; fail "not everybody was sent to"; }

# Removing it leaves the settings until a purge.
dpkg -r fanmail >/dev/null
[[ ! -e /usr/bin/fanmail && -e /etc/fanmail/fanmail.env ]] || fail "removing it has removed the settings"
dpkg -P fanmail >/dev/null
[[ ! -e /etc/fanmail ]] || fail "a purge leaves the settings"
EOF_BARE
}
