"""`python -m tests.style.asking_a_copy DATABASE_URL`, in a patched copy: runs the test that the checklist wrote, on a
database that is there already. pytest in the copy would first build one of its own."""

import asyncio
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from tests.api.in_process import service_on
from tests.database import DatabaseUrls
from vendorpay.adapters.local_issuer import LocalIssuer

WRITTEN = "tests.api.test_remind_payment"


async def main(url: str) -> None:
    """Raises AssertionError when the endpoint does not do what its test says."""
    with tempfile.TemporaryDirectory() as folder:
        async with service_on(LocalIssuer.open(Path(folder)), url) as service:
            urls = DatabaseUrls(name="", owner=url, app=url, readonly=url, superuser=url)
            tests = {name: test for name, test in vars(import_module(WRITTEN)).items() if name.startswith("test_")}
            for test in tests.values():
                await test(service, urls)
            print(f"{len(tests)} passed")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
