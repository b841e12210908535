# shellcheck shell=bash
# What all scripts share: where the project is, and how they print messages.

# shellcheck disable=SC2034  # used by the scripts that source this file
root=$(cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd -P)

if [[ -t 1 && -z ${NO_COLOR-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' dim='' green='' red='' plain=''
fi

# A heading: the next step.
step() { printf '%s%s%s\n' "$bold" "$*" "$plain"; }

# A remark below a heading.
note() { printf '   %s%s%s\n' "$dim" "$*" "$plain"; }

# The last line after success.
good() { printf '%s%s%s\n' "$green" "$*" "$plain"; }

# A warning; the script continues.
warn() { printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2; }

# Says what is wrong and what to do, and exits.
die() {
  printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2
  exit 1
}

# Prints the comment at the head of the script that was called, as its usage.
usage() { sed -n '2,/^$/{s/^# \{0,1\}//;p;}' "$0"; }

# Runs a command as root: as it is, or through sudo.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -- "$@"
  else
    die "this needs root, and there is no sudo. As root, run: $*"
  fi
}
