"""One client in many threads: the first answers of a kind may come to all of them at once."""

import subprocess
import sys

SHAPES = 150
THREADS = 4
SHARED = f"""
import sys, threading
import msgspec
from vendorpay.client.answers import read

sys.setswitchinterval(1e-6)
names = [f"field_{{number}}" for number in range(30)]
for _ in range({SHAPES}):
    part = msgspec.defstruct("Part", [(name, int | None, None) for name in names])
    shape = msgspec.defstruct("Shape", [("parts", list[part])])
    raw = msgspec.json.encode({{"parts": [dict.fromkeys(names, 1)] * 3}})
    together = threading.Barrier({THREADS})

    def decode():
        together.wait()
        assert read(raw, shape).parts[2].field_29 == 1

    threads = [threading.Thread(target=decode) for _ in range({THREADS})]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("read")
"""


def test_threads_that_read_the_first_answers_of_a_kind_at_once_all_get_theirs() -> None:
    """msgspec by itself ends the process here, by a signal: an import did so in the middle of its file."""
    done = subprocess.run([sys.executable, "-c", SHARED], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr
