#!/bin/sh
# Brings .venv to the pinned state. Usage: setup.sh core|dev|infra, each with all of those before it
set -eu
. "$(dirname "$0")/tools.sh"

level=$1
stamp=.venv/.vendorpay-setup

# A .venv that already has more keeps it, so that `make up` between two `make test` costs nothing.
case "$level $(cat "$stamp" 2>/dev/null)" in
    "core dev "* | "core infra "* | "dev infra "*) level=$(cut -d ' ' -f 1 "$stamp") ;;
esac

# What .venv depends on: contents rather than times, and the place, because scripts in .venv/bin name it.
case "$level" in
    core) pins="requirements/core.txt" ;;
    dev) pins="requirements/core.txt requirements/dev.txt" ;;
    infra) pins="requirements/core.txt requirements/dev.txt requirements/infra.txt" ;;
    *) fail "usage: setup.sh core|dev|infra" ;;
esac
# shellcheck disable=SC2086  # $pins is a list.
state="$level $PWD $(cat $pins requirements/build.txt requirements/tools.txt pyproject.toml scripts/*.sh | cksum)"

works() { .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

asked_for_another_python() {
    [ -n "${PYTHON:-}" ] || return 1
    probe='import sys; print(sys.version_info[:2], sys.implementation.name)'
    [ "$("$PYTHON" -c "$probe" 2>/dev/null)" != "$(.venv/bin/python -c "$probe")" ]
}

if works && [ -x .venv/bin/vendorpay ] && [ "$(cat "$stamp" 2>/dev/null)" = "$state" ] && ! asked_for_another_python; then
    exit 0
fi

ensure_uv
if ! works || asked_for_another_python; then
    python=$(find_python) || exit 1
    uv venv --clear --python "$python" .venv
fi
rm -f "$stamp"
printf 'vendorpay setup: installing the %s set into .venv\n' "$level" >&2
# shellcheck disable=SC2086
uv pip sync --python .venv/bin/python --require-hashes $pins
# The build backend is fetched for this one build, at the versions and hashes of build.txt.
uv pip install --python .venv/bin/python --no-deps --build-constraints requirements/build.txt --editable .
printf '%s\n' "$state" >"$stamp"
