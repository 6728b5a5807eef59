# Running legs and keeping what they print; source it after lib.sh. The output of the last run of
# leg L is $cache/summary/L.
mkdir -p "$cache/summary"

# run_leg LEG: run it, show and keep its output. It fails when the leg does and when the leg prints
# no summary line.
run_leg() {
  local log=$cache/summary/$1 status=0
  echo
  echo "== $1"
  "$ci/legs/$1" 2>&1 | tee "$log" || status=$?
  if [ -z "$(summary_lines "$1")" ]; then
    echo "$1: failed (no summary line, exit status $status)" | tee -a "$log"
    return 1
  fi
  if [ "$status" != 0 ] && ! summary_lines "$1" | grep -qE ': failed |[^0-9]0 passed|, [1-9][0-9]* failed'; then
    echo "$1: failed (exit status $status)" | tee -a "$log"
  fi
  return "$status"
}

# summary_lines LEG: those of its last run.
summary_lines() {
  [ -f "$cache/summary/$1" ] || return 0
  grep -aE '^[^ :]+: ([0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$|ok \(|failed \(|skipped: )' "$cache/summary/$1" || true
}
