"""`python -m vendorpay.entrypoints.docs --check | --write`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vendorpay.entrypoints.docs import event_pages, openapi_page, payment_pages, schema_page

FOLDER = Path("docs")


def pages(*, of_the_database: bool = True) -> dict[str, str]:
    """Every generated page, by its path under docs/; what only a database can tell takes seconds."""
    return {
        "lifecycle.md": payment_pages.lifecycle(),
        "permissions.md": payment_pages.permissions(),
        "errors.md": payment_pages.errors(),
        "openapi.json": openapi_page.document(),
        **event_pages.schemas(),
        **({"schema.md": schema_page.schema()} if of_the_database else {}),
    }


def main() -> int:
    """Writes the pages, or says which are stale; exit code 1 when any is."""
    parser = argparse.ArgumentParser(prog="python -m vendorpay.entrypoints.docs", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="exit 1 when a page is not what the code says")
    what.add_argument("--write", action="store_true", help="write every page")
    parser.add_argument(
        "--without-schema", action="store_true", help="leave out docs/schema.md, which needs a database"
    )
    asked = parser.parse_args()
    found = pages(of_the_database=not asked.without_schema)
    stale = {name: text for name, text in found.items() if _written(FOLDER / name) != text}
    if asked.write:
        for name, text in stale.items():
            (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_text(text, "utf-8")
        return 0
    for name in stale:
        print(f"docs/{name} is stale: run `make docs` and commit what it writes", file=sys.stderr)
    return 1 if stale else 0


def _written(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
