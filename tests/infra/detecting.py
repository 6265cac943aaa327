"""A stage whose payments Amazon Fraud Detector scores, as none of ours is; its templates go into a folder.

Of its stacks those that know of the detector: the gateway takes most of the time, and is the same.

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

    import aws_cdk as cdk

    from infra.build import FLAGS, surroundings
    from infra.checked import check
    from infra.functions import Functions
    from infra.migrations import Migrations
    from infra.packages import Packages

    app = cdk.App(context=dict(FLAGS), outdir=sys.argv[1], analytics_reporting=False)
    around = surroundings(app, STAGE, Packages.placeholder())
    Migrations(app, around)
    Functions(app, around)
    check(app, (STAGE,))
    app.synth()


if __name__ == "__main__":
    main()
