#!/bin/sh
# Keeps one checkpoint in a bucket, for --to-command and VENDORPAY_CHECKPOINT_COMMAND (docs/audit.md):
#
#     sh keep_checkpoint.sh BUCKET [PREFIX]
#
# It is put only where nothing is yet. What is there already counts as kept when it is the same, byte for byte; anything
# else is a failure. So whoever rewrites the database and its checkpoints does not get our own service to write the
# forged ones over those that were kept.
set -eu

bucket=${1:?name the bucket}
key=${2:-}${CHECKPOINT_FILE:?vendorpay sets it}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/given"
# A bucket with object lock wants a checksum. The answer may be lost after it was kept: then it is there, and compared.
aws s3api put-object --bucket "$bucket" --key "$key" --body "$folder/given" --checksum-algorithm SHA256 \
    --if-none-match '*' > /dev/null && exit 0
aws s3api get-object --bucket "$bucket" --key "$key" "$folder/there" > /dev/null
cmp "$folder/given" "$folder/there"
