#!/usr/bin/env bash
# install-packages.sh PACKAGE... installs Debian packages without starting or enabling any service.
#
# Run as root. Packages that bring a service start it and enable it when they are installed. Here, Debian's own
# switch against the start (/usr/sbin/policy-rc.d, exit code 101) is set meanwhile and taken back afterwards, and
# what the packages enabled is disabled again. Whatever was running, enabled or installed before stays as it was: when
# apt would have to remove a package, such as a MySQL server or an older Rust, it fails and names it.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C
policy=/usr/sbin/policy-rc.d
kept=$policy.before-fanmail
scratch=$(mktemp -d)

enabled_services() {
  find /etc/systemd/system -path '*.wants/*' -type l 2>/dev/null
  find /etc/rc[2-5].d -name 'S*' -type l 2>/dev/null
}

restore_policy() {
  # The second line of the file marks it as ours, also for a run after a killed one.
  if [[ $(sed -n 2p "$policy" 2>/dev/null) == '# fanmail'* ]]; then rm -f "$policy"; fi
  if [[ -e $kept || -L $kept ]]; then mv "$kept" "$policy"; fi
}

disable_new_services() {
  enabled_services | sort >"$scratch/after"
  local link name
  while read -r link; do
    name=${link##*/}
    case $link in
      /etc/rc?.d/*) update-rc.d "${name#S[0-9][0-9]}" disable >/dev/null 2>&1 || true ;;
      *) systemctl disable "$name" >/dev/null 2>&1 || true ;;
    esac
    rm -f "$link" # where the tools are not there or cannot tell systemd; this is all that enabled means
  done < <(comm -13 "$scratch/before" "$scratch/after")
}

cleanup() {
  local code=$?
  trap '' INT TERM HUP
  if [[ -e $scratch/before ]]; then disable_new_services; fi
  restore_policy
  rm -rf "$scratch"
  exit "$code"
}

# One at a time: two runs at once would take each other's policy for the original.
exec 9>/var/lock/fanmail-install-packages
flock 9
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

restore_policy
enabled_services | sort >"$scratch/before"
if [[ -e $policy || -L $policy ]]; then mv "$policy" "$kept"; fi
printf '%s\n' '#!/bin/sh' '# fanmail: no service starts while packages are installed' 'exit 101' >"$policy"
chmod 755 "$policy"

apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
quietly() {
  "$@" </dev/null >"$scratch/log" 2>&1 || {
    tail -n 20 "$scratch/log" >&2
    return 1
  }
}
# Continue if one package source is away: another may have the packages.
quietly "${apt[@]}" update || echo "apt-get update failed; trying to install anyway" >&2
quietly "${apt[@]}" install -y --no-remove --no-install-recommends "$@" 9>&-
