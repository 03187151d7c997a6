#!/bin/sh
# run.sh [--quiet] NAME SPEC: rotates what is due in one environment, then looks for drift. cron and systemd call it.
# It ends with rotate's exit code, or else with plan's: 0 done, 2 drift, 3 partly done, 4 a right is missing,
# 5 not all could be read, 1 failed.
# --quiet: says nothing unless it fails, so that cron's mail means that a person is needed.
# Sign-in: NAME.env in ~/.config/provisioner (AZURE_CLIENT_ID=… and the like); without it this machine's identity.
set -u
if [ "${1-}" = --quiet ]; then
  shift
  said=$(/bin/sh "$0" "$@" 2>&1)
  code=$?
  [ "$code" -eq 0 ] || printf '%s\n' "$said"
  exit "$code"
fi
[ "$#" -eq 2 ] || { echo "usage: run.sh [--quiet] NAME SPEC" >&2; exit 1; }
name=$1 spec=$2
unset CDPATH
cd -- "$(dirname -- "$0")/../.." || exit 1

variables=${XDG_CONFIG_HOME:-${HOME:-/nonexistent}/.config}/provisioner/$name.env
if [ -r "$variables" ]; then
  set -a
  . "$variables"
  set +a
fi

# No two runs of one environment at a time on this machine; between machines its lease sees to that.
mkdir -p .local/schedules || exit 1
exec 9>".local/schedules/$name.lock"
if ! flock -w "${PROVISIONER_PATIENCE:-3600}" 9; then
  echo "$name: another scheduled run still goes on; look at it (ps) and end it if it hangs" >&2
  exit 1
fi

.venv/bin/provisioner rotate "$spec" --yes --notify 9>&-
rotated=$?
.venv/bin/provisioner plan "$spec" --detailed-exitcode --notify 9>&-
planned=$?
[ "$rotated" -eq 0 ] && [ "$planned" -eq 0 ] && exit 0
echo "$name: rotate ended with $rotated, plan with $planned (docs/rotation.md says what each means)" >&2
[ "$rotated" -eq 0 ] || exit "$rotated"
exit "$planned"
