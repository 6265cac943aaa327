"""Files of payments to import, as large as wanted, and what must come of them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

COLUMNS = (
    *("payment", "incidentId", "vendorId", "payerType", "payerId", "amountCents", "currency", "reference"),
    *("description", "quantity", "unitPriceCents", "metadata"),
)
# Every so many payments one is wrong, and one is for the job of the payment before it.
WRONG_EVERY, TWIN_EVERY = 97, 31


@dataclass(frozen=True)
class Expected:
    """The totals that an import of a file must end with."""

    created: int
    duplicate: int
    rejected: int
    cents: int
    """The sum of what was created."""

    @property
    def totals(self) -> dict[str, int]:
        return {"created": self.created, "duplicate": self.duplicate, "rejected": self.rejected}


def kind_of(number: int) -> str:
    """What becomes of the payment with this number, from 1 on."""
    if number % WRONG_EVERY == 0:
        return "rejected"
    # A job whose first payment was wrong has none yet.
    return "duplicate" if number % TWIN_EVERY == 0 and (number - 1) % WRONG_EVERY else "created"


def payment(number: int, run: int = 0) -> dict[str, Any]:
    """The body of POST /payments; payments of another `run` are for other jobs."""
    kind = kind_of(number)
    job = number - 1 if kind == "duplicate" else number
    quantities, price = range(1, 2 + job % 3), 100 + job % 1000
    lines = [{"description": f'Tow, "{each}"', "quantity": each, "unitPriceCents": price} for each in quantities]
    return {
        "incidentId": str(UUID(int=run << 64 | job, version=4)),
        "vendorId": str(UUID(int=job % 50 + 1, version=4)),
        "payerType": "back_office",
        "amountCents": sum(quantities) * price + (kind == "rejected"),
        "reference": f"TW-{job}",
        "lineItems": lines,
        "metadata": {"row": job},
    }


def expected(payments: int) -> Expected:
    """What must come of the payments 1 to `payments`."""
    kinds = Counter(map(kind_of, range(1, payments + 1)))
    cents = sum(payment(n)["amountCents"] for n in range(1, payments + 1) if kind_of(n) == "created")
    return Expected(created=kinds["created"], duplicate=kinds["duplicate"], rejected=kinds["rejected"], cents=cents)


def write_jsonl(path: Path, payments: int, run: int = 0) -> Path:
    """A file with one payment a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(payment(n, run)) + "\n" for n in range(1, payments + 1))
    return path


def write_csv(path: Path, payments: int, run: int = 0) -> Path:
    """A file with a row for each line item."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for n in range(1, payments + 1):
            writer.writerows(_rows(str(n), payment(n, run)))
    return path


def _rows(name: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    same = {name: value for name, value in body.items() if name not in ("lineItems", "metadata")}
    for line in body["lineItems"]:
        yield {"payment": name, **same, **line, "metadata": json.dumps(body["metadata"])}
