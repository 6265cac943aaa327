"""docs/import.md says what the command does."""

import csv
import io
import re
from pathlib import Path

import msgspec

from vendorpay.api.bulk_bodies import new_payment_in
from vendorpay.domain.fault_budget import FaultBudget
from vendorpay.domain.new_payment import NewPayment
from vendorpay.entrypoints.cli.payments_import import command, csv_header, csv_payments

PAGE = (Path(__file__).parents[2] / "docs/import.md").read_text()


def test_every_column_is_explained_on_the_page_and_in_the_help() -> None:
    cells = re.findall(r"^\| (`[^|]+`) \|", PAGE, re.M)
    explained = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert explained == set(csv_header.COLUMNS)
    assert [name for name in csv_header.COLUMNS if name not in command.HELP] == []


def test_the_example_is_taken_as_it_stands() -> None:
    found = re.search(r"```csv\n(.*?)```", PAGE, re.S)
    assert found is not None
    content = found[1].encode()
    assert len(next(csv.reader(io.StringIO(found[1])))) == len(csv_header.COLUMNS)
    file = io.BytesIO(content)
    columns, start = csv_header.read(file)
    first, second = csv_payments.records(file, columns, start)
    read = [new_payment_in(record.body or b"", FaultBudget()) for record in (first, second)]
    assert [new.amount_cents for new in read if isinstance(new, NewPayment)] == [15_000, 6_000]
    assert isinstance(read[0], NewPayment)
    assert msgspec.to_builtins(read[0])["metadata"] == {"crew": 2}
