"""A stage whose payments Amazon Fraud Detector scores, as none of ours is; its templates go into a folder.

python -m tests.infra.detecting FOLDER
"""

from __future__ import annotations

import sys
from dataclasses import replace

from infra.app import use_pinned_node
from infra.stages import DEV

DETECTOR, EVENT_TYPE = "vendor-payments", "payment"
STAGE = replace(DEV, name="scored", fraud_provider="frauddetector", fraud_detector=f"{DETECTOR}/{EVENT_TYPE}")


def main() -> None:
    """Synthesized and checked as `make synth` does it; raises what that raises."""
    use_pinned_node()

    from infra.build import build
    from infra.checked import check
    from infra.packages import Packages

    app = build((STAGE,), Packages.placeholder(), sys.argv[1])
    check(app, (STAGE,))
    app.synth()


if __name__ == "__main__":
    main()
