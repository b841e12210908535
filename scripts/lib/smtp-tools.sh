# shellcheck shell=bash
# smtp-source and smtp-sink of Postfix, which load tests need, without installing a mail server: Debian's package
# is unpacked into a cache folder. Needs common.sh.

# Sets SMTP_SOURCE and SMTP_SINK to the two programs, and SMTP_TOOLS_VERSION to that of Postfix.
need_smtp_tools() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/fanmail/postfix bin=/usr/sbin program=/usr/sbin/smtp-source
  if ! [[ -x $bin/smtp-source && -x $bin/smtp-sink ]]; then
    bin=$cache/bin program=$cache/usr/sbin/smtp-source
    smtp_tools_complete "$cache" || smtp_tools_unpack "$cache"
    smtp_tools_complete "$cache" || die "$cache is not complete; delete that folder and run this again."
  fi
  export SMTP_SOURCE=$bin/smtp-source SMTP_SINK=$bin/smtp-sink
  # The program has no option that prints it.
  SMTP_TOOLS_VERSION=$(LC_ALL=C sed -n 's/.*mail_version=\([0-9.]*\).*/\1/p' "$program" | sed -n 1p)
  export SMTP_TOOLS_VERSION
}

smtp_tools_libraries() {
  local folder path=$1/usr/lib/postfix
  for folder in "$1"/usr/lib/*-linux-gnu* "$1"/lib/*-linux-gnu*; do
    [[ ! -d $folder ]] || path+=:$folder
  done
  printf '%s\n' "$path"
}

# Whether both are there and find their libraries. Asks ldd, as they sleep for a second before they complain.
smtp_tools_complete() {
  local tool found
  for tool in smtp-source smtp-sink; do
    [[ -x $1/bin/$tool ]] || return 1
    found=$(LD_LIBRARY_PATH=$(smtp_tools_libraries "$1") ldd "$1/usr/sbin/$tool") || return 1
    [[ $found != *'not found'* ]] || return 1
  done
}

# Unpacks into a folder beside $1 and moves that folder at the end, so that an interrupted run leaves nothing
# incomplete.
smtp_tools_unpack() {
  local cache=$1 new tool
  command -v apt-get >/dev/null || die "smtp-source and smtp-sink are needed; please install Postfix, which has them."
  mkdir -p "${cache%/*}"
  new=$(mktemp -d "$cache.XXXXXX")
  step "Unpacking smtp-source and smtp-sink from Debian's postfix into $cache; no mail server is installed"
  if ! smtp_tools_download "$new" 2>"$new/apt-errors"; then
    # No lists of packages yet, as in a fresh container, or old ones.
    as_root apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null || true
    if ! smtp_tools_download "$new"; then
      rm -rf "$new"
      die "apt could not download postfix; see its output above."
    fi
  fi
  rm "$new/apt-errors"
  mkdir "$new/bin"
  for tool in smtp-source smtp-sink; do
    cat >"$new/bin/$tool" <<EOF_WRAPPER
#!/bin/sh
export LD_LIBRARY_PATH='$(smtp_tools_libraries "$new" | sed "s|$new|$cache|g")'
exec '$cache/usr/sbin/$tool' "\$@"
EOF_WRAPPER
    chmod 755 "$new/bin/$tool"
  done
  rm -rf "$cache"
  mv -T "$new" "$cache" 2>/dev/null || rm -rf "$new" # another run was quicker
}

# Downloads and unpacks postfix and those libraries it needs that are not installed here.
smtp_tools_download() (
  set -e
  cd "$1"
  # The packages that an installation would add: a simulation, which needs no root.
  packages=$(LC_ALL=C apt-get -s -qq install --no-install-recommends postfix |
    sed -n 's/^Inst \(postfix\|lib[^ ]*\) .*/\1/p')
  [[ $packages ]] || return 1
  # shellcheck disable=SC2086  # a list of words
  apt-get -qq -o APT::Sandbox::User=root download $packages || return 1
  for package in *.deb; do
    dpkg-deb -x "$package" . || return 1
    rm "$package"
  done
)
