#!/bin/sh
# Packages the Lambda functions into build/functions. Usage: RDS_CA_BUNDLE=rds.pem package_functions.sh
set -eu
. "$(dirname "$0")/tools.sh"
ensure_uv

built=build/functions
rm -rf "$built"
mkdir -p "$built"
for layer in core outbound; do
    .venv/bin/python -m infra.package pins "$layer" >"$built/$layer.txt"
    # For another machine than this one: wheels alone, of arm64, for Lambda's Python.
    uv pip install --target "$built/$layer/python" --python .venv/bin/python --require-hashes --only-binary :all: \
        --python-platform aarch64-manylinux_2_28 --python-version 3.13 --no-deps -r "$built/$layer.txt"
done
.venv/bin/python -m infra.package finish
