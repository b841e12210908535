# shellcheck shell=bash
# A Chromium without windows, for the test of accessibility and for pictures. Needs common.sh and prerequisites.sh.

# Prints the path of one: that of CHROMIUM, or the first in PATH.
find_chromium() {
  local candidate
  for candidate in "${CHROMIUM-}" chromium-headless-shell chromium google-chrome google-chrome-stable chrome; do
    if [[ $candidate ]] && command -v "$candidate"; then return; fi
  done
  return 1
}

# Sets CHROMIUM. Ubuntu has it as a snap alone, which sees no files in /tmp: there the test that needs it fails, and says so.
need_chromium() {
  if ! CHROMIUM=$(find_chromium); then
    if grep -q '^ID=debian' /etc/os-release 2>/dev/null || ! command -v apt-get >/dev/null; then
      need_packages chromium-headless-shell
    else
      warn "there is no Chromium, and no package of it here. The test of accessibility fails; install Google Chrome for it," \
        "or set CHROMIUM to the path of a Chromium that is no snap."
    fi
    CHROMIUM=$(find_chromium) || return 0
  fi
  export CHROMIUM
}
