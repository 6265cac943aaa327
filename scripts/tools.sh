# Sourced by setup.sh and lock.sh: finds a Python, keeps the pinned uv in .tools, and defines `uv`.
# Needs nothing but a POSIX shell and Python's own venv module; works as root or not, in a cleared environment.

cd "$(dirname "$0")/.."

fail() {
    printf 'vendorpay setup: %s\n' "$*" >&2
    exit 1
}

# A pyenv shim may exist for a Python that is not there, so a candidate counts only once it has run.
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
    found=
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        new_enough "$candidate" || continue
        found=$candidate
        if has_venv "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    [ -z "$found" ] || fail "$found cannot make virtual environments. On Debian or Ubuntu:" \
        "apt install python3-venv python3-pip"
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON does not run, or is older than 3.11."
    fail "no Python 3.11 or newer found. On Debian or Ubuntu: apt install python3 python3-venv python3-pip;" \
        "elsewhere name one: make setup PYTHON=/path/to/python3.12"
}

# Pins and hashes decide what is installed, so further places to look can only get in the way: an extra index that
# lacks a pinned version stops uv. A mirror of the one default index is kept.
export PIP_CONSTRAINT=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PIP_TARGET PIP_PREFIX PIP_USER PIP_REQUIRE_VIRTUALENV PIP_NO_BINARY \
    PIP_ONLY_BINARY PIP_NO_DEPS
unset UV_FIND_LINKS UV_INDEX UV_EXTRA_INDEX_URL UV_CONSTRAINT UV_BUILD_CONSTRAINT UV_OVERRIDE UV_EXCLUDE_NEWER \
    UV_NO_BINARY UV_NO_BUILD UV_NO_BUILD_ISOLATION UV_NO_VERIFY_HASHES UV_REQUIRE_HASHES UV_RESOLUTION \
    UV_PRERELEASE UV_PYTHON UV_SYSTEM_PYTHON UV_BREAK_SYSTEM_PACKAGES UV_TARGET UV_PREFIX
if [ -n "${PIP_INDEX_URL:-}" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    export UV_DEFAULT_INDEX="$PIP_INDEX_URL"
fi
# The Python that was found is the one used; uv never fetches another.
export UV_PYTHON_DOWNLOADS=never
if ! mkdir -p "${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/uv}" 2>/dev/null; then
    export UV_CACHE_DIR="$PWD/.tools/cache"
fi

# uv's own roots miss a company's certificate authority; the system's do not.
uv() { .tools/bin/uv --system-certs --quiet "$@"; }

ensure_uv() {
    wanted=$(sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements/tools.txt)
    case "$(.tools/bin/uv --version 2>/dev/null)" in "uv $wanted" | "uv $wanted "*) return ;; esac
    python=$(find_python) || exit 1
    printf 'vendorpay setup: fetching uv %s\n' "$wanted" >&2
    "$python" -m venv --clear .tools || fail "could not make a virtual environment in .tools (see above)."
    .tools/bin/python -m pip install --quiet --require-hashes -r requirements/tools.txt \
        || fail "could not install uv (see above): is the package index reachable?"
}
