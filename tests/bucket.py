"""A bucket for scripts/keep_checkpoint.sh: a folder, behind a program that answers as `aws s3api` does."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "keep_checkpoint.sh"
KEEP = f"sh {shlex.quote(str(SCRIPT))} bucket"
# Linking fails where something is, in one step, as a conditional put does. No other call than the script's is known.
AWS = """#!/bin/sh
test ! -e "$BUCKET.away" || { echo 'Could not connect to the endpoint URL' >&2; exit 255; }
case "$1 $2 $3 $4 $5" in
"s3api put-object --bucket bucket --key")
    test "$7 $9 ${10} ${11} ${12}" = "--body --checksum-algorithm SHA256 --if-none-match *" || exit 252
    cp "$8" "$BUCKET/.put.$$" && ln "$BUCKET/.put.$$" "$BUCKET/$6" 2> "$BUCKET.said" && put=0 || put=254
    rm "$BUCKET/.put.$$"
    test $put = 0 || { echo PreconditionFailed >&2; exit 254; }
    test ! -e "$BUCKET.mute" || { echo 'Connection was closed' >&2; exit 255; } ;;
"s3api get-object --bucket bucket --key")
    cp "$BUCKET/$6" "$7" || { echo NoSuchKey >&2; exit 254; } ;;
*) exit 252 ;;
esac
"""


def environ_of(bucket: Path) -> Mapping[str, str]:
    """The environment in which `KEEP` keeps in that folder. `bucket.away` beside it cuts it off, `bucket.mute` keeps
    the answer to a put from coming back."""
    programs = bucket.parent / "programs"
    programs.mkdir(exist_ok=True)
    bucket.mkdir(exist_ok=True)
    (programs / "aws").write_text(AWS)
    (programs / "aws").chmod(0o755)
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "BUCKET": str(bucket)}
