#!/bin/sh
# Pins requirements/*.in into requirements/*.txt. Usage: lock.sh [--upgrade]
set -eu
. "$(dirname "$0")/tools.sh"
ensure_uv
cd requirements
# core comes first: dev is compiled against its pins (-c core.txt), so that both sets fit into one .venv.
for set in tools build core dev infra; do
    [ -f "$set.in" ] || continue
    ../.tools/bin/uv --system-certs --quiet pip compile --universal --generate-hashes --python-version 3.11 \
        --custom-compile-command "make lock" "$@" "$set.in" -o "$set.txt"
done
