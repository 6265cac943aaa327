"""Only entrypoints read the clock, the environment or randomness."""

import pytest

from tests.style.rules.ambient import ambient_reads
from tests.style.rules.source import Source, listing, package

# Path -> names it may use, each with the reason in a comment. Empty is best.
ALLOWED: dict[str, frozenset[str]] = {
    # When a line was written: no decision hangs on it, and everybody who logs would have to pass it.
    "src/vendorpay/observe.py": frozenset({"datetime.datetime.now"}),
    # The client runs in other people's programs: nobody is there to pass keys and jitter in.
    "src/vendorpay/client/chance.py": frozenset({"os.urandom", "uuid.uuid4"}),
}


def test_time_ids_and_settings_come_in_as_values() -> None:
    below = [file for file in package() if file.room not in {"entrypoints", "__main__"}]
    found = [finding for file in below for finding in ambient_reads(file, ALLOWED)]
    assert not found, listing(found)


def test_every_allowed_exception_is_still_needed() -> None:
    needed = {file.path: ambient_reads(file, {}) for file in package()}
    for path, names in ALLOWED.items():
        for name in names:
            assert any(name in finding for finding in needed.get(path, [])), f"{path} no longer uses {name}: drop it"


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import datetime, UTC\ndatetime.now(UTC)",
        "import datetime as dt\nx = dt.datetime.utcnow",
        "import datetime\ndatetime.date.today()",
        "import time\ntime.time()",
        "from time import time as clock\nclock()",
        "import os\nos.environ['HOME']",
        "import os\nos.environ.get('HOME')",
        "from os import getenv\ngetenv('HOME')",
        "import uuid\ndef f(new_id=uuid.uuid4): ...",
        "from uuid import uuid4\nuuid4()",
        "import uuid_utils\nuuid_utils.uuid7()",
        "import random\nrandom.choice([1])",
        "from random import Random\nRandom(1)",
        "import secrets\nsecrets.token_hex()",
        "import os\nos.urandom(8)",
    ],
)
def test_a_read_of_the_surroundings_is_found(text: str) -> None:
    file = Source.parse("src/vendorpay/usecases/pay.py", text)
    assert len(ambient_reads(file, {})) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import time\nstarted = time.monotonic()\ntime.perf_counter()",
        "from datetime import datetime\ndatetime.fromisoformat('2026-01-01')",
        "import uuid\nuuid.UUID(int=1)",
        "import secrets\nsecrets.compare_digest('a', 'b')",
        "def f(random, now):\n    return random.x, now.time.time()",
    ],
)
def test_durations_and_values_are_let_through(text: str) -> None:
    assert ambient_reads(Source.parse("src/vendorpay/usecases/pay.py", text), {}) == []


def test_an_allowed_name_is_allowed_in_its_file_alone() -> None:
    text = "import time\ntime.time()"
    allowed = {"src/vendorpay/adapters/a.py": frozenset({"time.time"})}
    assert ambient_reads(Source.parse("src/vendorpay/adapters/a.py", text), allowed) == []
    assert len(ambient_reads(Source.parse("src/vendorpay/adapters/b.py", text), allowed)) == 1
