# Shared by the legs; source it. It moves to the top of the checkout and sets cache, a folder for
# what legs keep between runs.
set -euo pipefail
ci=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$ci/.."
cache=${TYPEDMEM_CACHE:-$HOME/.cache/typedmem}
mkdir -p "$cache"
unset GOOS GOARCH # a leg sets its own
# What the go command builds, here and in tests, it builds by way of .ci/tool.
export GOFLAGS="'-toolexec=$ci/tool'"

# skip NAME REASON: the machine cannot run this target.
skip() { echo "$1: skipped: $2"; }

# need COMMAND PACKAGE: true when the command is there, installing the Debian package when it is
# not. Otherwise why says what lacks.
need() {
  command -v "$1" >/dev/null && return
  why="no $1"
  install "$2" && command -v "$1" >/dev/null
}

# need_numpy: the same for NumPy and Debian's Python.
need_numpy() {
  local works=(/usr/bin/python3 -c 'import numpy')
  "${works[@]}" 2>/dev/null && return
  why="no NumPy"
  install python3-numpy && "${works[@]}"
}

# install PACKAGE: from Debian. It adds to why what is against it.
install() {
  command -v apt-get >/dev/null || { why+=" and no apt-get"; return 1; }
  [ "$(id -u)" = 0 ] || { why+="; install the package $1"; return 1; }
  export DEBIAN_FRONTEND=noninteractive
  if [ -z "${TYPEDMEM_APT_UPDATED:-}" ]; then
    apt-get -q update >&2 || { why+="; apt-get update failed"; return 1; }
    export TYPEDMEM_APT_UPDATED=1
  fi
  apt-get -q install -y --no-install-recommends "$1" >&2 || { why+="; apt-get install $1 failed"; return 1; }
}

# in_folder FOLDER COMMAND ...: runs the command there.
in_folder() { (cd "$1" && shift && "$@"); }

# for_target GOOS/GOARCH COMMAND ...: runs the command with these settings.
for_target() {
  local target=$1 cgo=0
  shift
  [ "${target%/*}" != ios ] || cgo=1 # ios links with cgo only; nothing here compiles C for it
  env CGO_ENABLED=$cgo GOOS="${target%/*}" GOARCH="${target#*/}" "$@"
}

# gotool NAME PACKAGE VERSION: true when $tool is that command, built from source at that version.
gotool() {
  tool=$cache/bin/$1-$3
  [ -x "$tool" ] && return
  why="go install $2@$3 failed"
  local new # another leg may be building the same command
  new=$(mktemp -d "$cache/new.XXXXXX")
  mkdir -p "$cache/bin"
  if ! GOBIN=$new go install "$2@$3" >&2 || ! mv "$new/$1" "$tool"; then
    rm -rf "$new"
    return 1
  fi
  rmdir "$new"
}

# typed GOOS/GOARCH PACKAGE ...: the packages and their tests have no type error there. The tool
# reads the source of the Go library, which go vet would compile for each system anew. What it looks
# for in all of it, go vet looks for too.
typed() {
  local target=$1
  shift
  gotool lostcancel golang.org/x/tools/go/analysis/passes/lostcancel/cmd/lostcancel v0.41.0 || { echo "$why"; return 1; }
  for_target "$target" "$ci/tool" "$tool" "$@"
}

newest=go1.27.3 # the newest toolchain

# For a leg that compiles all tests anew: no data for debuggers. It takes the compiler a sixth less.
no_dwarf=-gcflags=all=-dwarf=false

# counted NAME [VAR=VALUE ...] -- [ARGUMENT ...]: go test -short with these settings and arguments,
# as one summary line. The gate runs the long form once, with the README's command, and the leg vet
# vets. The packages are those in the array packages. Three run at once, as the longest would be the
# last.
packages=(./...)
near=(. ./internal/mem ./internal/slots ./internal/sys) # the packages near the system
counted() {
  local name=$1 settings=()
  shift
  while [ "$1" != -- ]; do settings+=("$1"); shift; done
  shift
  echo "# ${settings[*]:+${settings[*]} }go test -short${*:+ $*} ${packages[*]}"
  env "${settings[@]}" go test -json -count=1 -timeout 15m -p 3 -vet=off -short "$@" "${packages[@]}" </dev/null | "$ci/summary" "$name"
}

# checks counts commands that have to succeed: check DESCRIPTION COMMAND ... runs one, verdict NAME
# prints the summary line.
done_checks=0 failed_checks=0
check() {
  local what=$1 output
  shift
  done_checks=$((done_checks + 1))
  if output=$("$@" 2>&1 </dev/null); then return; fi
  failed_checks=$((failed_checks + 1))
  printf -- '--- failed: %s\n%s\n' "$what" "$output"
}
verdict() {
  if [ "$failed_checks" = 0 ]; then
    echo "$1: ok ($done_checks checks)"
  else
    echo "$1: failed ($failed_checks of $done_checks checks)"
    return 1
  fi
}
