"""A CSV file as payments: what any program writes comes back, and what cannot be read costs only its neighbours."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.entrypoints.payment_files import COLUMNS
from vendorpay.domain.new_payment import LINES_MAX
from vendorpay.entrypoints.cli.payments_import import csv_header, csv_payments, csv_rows
from vendorpay.entrypoints.cli.payments_import.csv_plain_body import PlainBody
from vendorpay.entrypoints.cli.payments_import.records import PAYMENT_BYTES_MAX, Position, Record

Cells = dict[str, str]
A, B = str(UUID(int=1, version=4)), str(UUID(int=2, version=4))
GOOD: Cells = {
    "incidentId": A,
    "vendorId": B,
    "payerType": "back_office",
    "description": "Tow",
    "quantity": "2",
    "unitPriceCents": "50",
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
rows_of_lines = st.fixed_dictionaries(
    {"description": texts, "quantity": st.integers(-5, 10**20), "unitPriceCents": st.integers(-5, 10**20)}
)


@st.composite
def payments(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Payments as the file has them: name, what its rows have in common, its lines."""
    found: list[dict[str, Any]] = []
    for n in range(draw(st.integers(1, 5))):
        lines = draw(st.lists(rows_of_lines, min_size=1, max_size=4))
        name = "" if len(lines) == 1 and draw(st.booleans()) else f"{n}{draw(texts)}"
        same = {column: draw(texts) for column in ("incidentId", "vendorId", "payerType", "payerId", "reference")}
        metadata = draw(st.none() | st.dictionaries(texts, st.integers() | texts, max_size=3))
        found.append({"name": name, "same": same, "lines": lines, "metadata": metadata})
    return found


@st.composite
def dialects(draw: st.DrawFn) -> dict[str, Any]:
    # What ends with \n alone does not quote a lone \r (Python before 3.13), and nobody could read that.
    quoting, end = draw(st.sampled_from([(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r\n")]))
    return {"lineterminator": end, "quoting": quoting}


def written(found: list[dict[str, Any]], columns: list[str], dialect: dict[str, Any], bom: str = "") -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, **dialect)
    writer.writeheader()
    for each in found:
        # Not in one line, as people write it.
        metadata = "" if each["metadata"] is None else json.dumps(each["metadata"], indent=1)
        for line in each["lines"]:
            writer.writerow({"payment": each["name"], **each["same"], **line, "metadata": metadata})
    return (bom + file.getvalue()).encode()


def body(each: dict[str, Any]) -> dict[str, Any]:
    """What is to be sent: blank cells are not there, and a blank amount is the sum."""
    lines = [{name: value for name, value in line.items() if value != ""} for line in each["lines"]]
    total = sum(line["quantity"] * line["unitPriceCents"] for line in each["lines"])
    metadata = {} if each["metadata"] is None else {"metadata": each["metadata"]}
    same = {name: value for name, value in each["same"].items() if value}
    return {**same, "amountCents": total, "lineItems": lines, **metadata}


def read(content: bytes, start: Position | None = None) -> list[Record]:
    file = io.BytesIO(content)
    columns, first = csv_header.read(file)
    return list(csv_payments.records(file, columns, start or first))


def a_file(*rows: Cells | str) -> bytes:
    """A file with the usual columns; a row that is text stands there as it is."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        if isinstance(row, str):
            file.write(row)
        else:
            writer.writerow(GOOD | row)
    return file.getvalue().encode()


@given(payments(), st.permutations(COLUMNS), dialects(), st.sampled_from(["", "\ufeff"]))
def test_what_a_csv_writer_wrote_comes_back_and_again_from_any_place(
    found: list[dict[str, Any]], columns: list[str], dialect: dict[str, Any], bom: str
) -> None:
    content = written(found, columns, dialect, bom)
    records = read(content)
    assert [record.faults for record in records] == [()] * len(found)
    assert [json.loads(record.body or b"") for record in records] == list(map(body, found))
    assert all(b"\n" not in (record.body or b"\n") for record in records), "a line of NDJSON each"
    assert [record.name for record in records] == [each["name"] for each in found]
    assert records[-1].after.offset == len(content)
    assert records[-1].after.line == content.count(b"\n") + 1
    for n, record in enumerate(records):
        assert read(content, record.after) == records[n + 1 :]
        assert content[: record.after.offset].count(b"\n") == record.last_line


def test_columns_may_stand_in_any_order_and_optional_ones_be_missing() -> None:
    content = f"quantity,description,unitPriceCents,payerType,vendorId,incidentId\n1,Tow,5,back_office,{B},{A}\n"
    (record,) = read(content.encode())
    assert json.loads(record.body or b"") == {
        "incidentId": A,
        "vendorId": B,
        "payerType": "back_office",
        "amountCents": 5,
        "lineItems": [{"description": "Tow", "quantity": 1, "unitPriceCents": 5}],
    }


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (b"", ["empty"]),
        (b"\n\n", ["empty"]),
        (b"incidentId;vendorId;payerType\n", ["commas", "'quantity'"]),
        (b"IncidentId,vendorId,payerType,description,quantity,unitPriceCents\n", ["'IncidentId'", "'incidentId'"]),
        (
            b"incidentId,vendorId,vendorId,payerType,description,quantity,price\n",
            ["twice", "'price'", "unitPriceCents"],
        ),
        (b'"incidentId\n', ["cannot be read"]),
        (b"\xff,\n", ["UTF-8"]),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_every_fault(header: bytes, named: list[str]) -> None:
    with pytest.raises(ValueError, match="The file") as refused:
        csv_header.read(io.BytesIO(header))
    assert [word for word in named if word not in str(refused.value)] == []


@pytest.mark.parametrize(
    "text", ["12.0", "1e3", "+1", " 1", "1 ", "01", "0x1", "１２", "1_000", "1,5", "x", "-", "9" * 50]
)
@pytest.mark.parametrize("column", ["amountCents", "quantity", "unitPriceCents"])
def test_a_number_is_a_whole_number_as_in_the_api_and_its_column_is_named(column: str, text: str) -> None:
    (record,) = read(a_file({column: text}))
    assert record.body is None
    (fault,) = record.faults
    assert fault.field.rpartition(".")[2] == column
    assert text[:40] in fault.message
    assert fault.line == 2


def test_every_fault_of_a_payment_is_named_with_its_line_also_those_the_service_would_find() -> None:
    first: Cells = {"payment": "p", "vendorId": "x", "amountCents": "1", "metadata": "{"}
    second: Cells = {"payment": "p", "incidentId": B, "quantity": "1.0", "description": ""}
    third: Cells = {"payment": "p", "vendorId": "", "unitPriceCents": "", "quantity": "0"}
    (record,) = read(a_file(first, second, third))
    assert {(fault.field, fault.line) for fault in record.faults} == {
        ("incidentId", 3),
        ("vendorId", 3),
        ("metadata", 2),
        ("lineItems[1].quantity", 3),
        ("lineItems[1].description", 3),
        ("lineItems[2].unitPriceCents", 4),
        ("lineItems[2].quantity", 4),
    }
    assert (record.first_line, record.last_line, record.body) == (2, 4, None)


def test_values_of_one_payment_may_be_blank_in_some_rows_but_not_differ() -> None:
    rows: list[Cells] = [{"payment": "p", "amountCents": ""}, {"payment": "p", "amountCents": "200", "vendorId": ""}]
    (record,) = read(a_file(*rows))
    assert json.loads(record.body or b"")["amountCents"] == 200
    (differing,) = read(a_file(*rows, {"payment": "p", "amountCents": "201"}))
    (fault,) = differing.faults
    assert (fault.field, fault.message) == ("amountCents", "is '201' in line 4, but '200' in line 3")


def test_metadata_is_sent_as_it_is_written() -> None:
    """Read and written again, 1e3 were another number, and a key that comes twice would be lost unseen."""
    (record,) = read(a_file({"metadata": '{"a": 1e3,\n "b": 1, "b": 2}'}))
    assert record.body is not None
    assert record.body.endswith(b'"metadata":{"a": 1e3,  "b": 1, "b": 2}}')


BROKEN = ['"a"b\n', "too,few\n", "x" * (PAYMENT_BYTES_MAX + 1) + "\n", f"{'c,' * 20}\n", '"a\nb"x,\n']


@pytest.mark.parametrize("broken", BROKEN, ids=["quote", "columns", "long", "more columns", "two lines"])
def test_a_row_that_cannot_be_read_takes_along_the_named_payments_beside_it_and_no_others(broken: str) -> None:
    """One of its lines may be the row: a part of a payment must not be paid."""
    named: list[Cells] = [{"payment": "p"}, {"payment": "p"}]
    records = read(a_file({}, *named, broken, {"payment": "q"}, {"payment": "r"}, {}))
    assert [(record.name, record.body is None) for record in records] == [
        ("", False),
        ("p", True),
        ("q", True),
        ("r", False),
        ("", False),
    ]
    alone = read(a_file({}, broken, {}, {"payment": "p"}))
    assert [record.body is None for record in alone] == [False, True, False, False]
    inside = read(a_file({"payment": "p"}, broken, {"payment": "p"}, {"payment": "q"}))
    assert [(record.name, record.body is None) for record in inside] == [("p", True), ("q", False)]


def test_going_on_behind_a_row_that_cannot_be_read_finds_the_same_payments() -> None:
    content = a_file(
        {"payment": "p"}, "x\n", {"payment": "q"}, {}, "y\n", "z\n", {"payment": "r"}, {"payment": "r"}, {}
    )
    records = read(content)
    for n, record in enumerate(records):
        assert read(content, record.after) == records[n + 1 :]


def test_rows_without_values_and_blank_lines_count_for_nothing() -> None:
    records = read(a_file({"payment": "p"}, "\n", "," * (len(COLUMNS) - 1) + "\n", "\r\n", {"payment": "p"}))
    assert [(record.name, record.body is None, record.last_line) for record in records] == [("p", False, 6)]


def test_a_quote_that_is_never_closed_costs_rows_and_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "ROW_BYTES_MAX", 2_000)
    content = a_file({}, f'"{A}\n', *[{}] * 200)
    records = read(content)
    assert records[0].body is not None
    assert records[1].body is None
    assert records[1].last_line - records[1].first_line < 30
    assert sum(record.body is not None for record in records) > 150
    assert read(a_file({}, '"open'))[1].body is None, "and at the end of the file, too"


def test_a_payment_of_too_many_rows_is_one_fault_and_held_in_part_only() -> None:
    (just,) = read(a_file(*[{"payment": "p"}] * LINES_MAX))
    assert just.body is not None
    (many,) = read(a_file(*[{"payment": "p", "quantity": "x"}] * (LINES_MAX * 20)))
    assert (many.body, many.first_line, many.last_line) == (None, 2, LINES_MAX * 20 + 1)
    assert str(LINES_MAX * 20) in many.faults[-1].message


# --- the quick way -----------------------------------------------------------------------------------------

CELLS = st.sampled_from(["", "a", "é", '"q"', "x,y", "0", "1", "12", "-1", "-0", "007", "1.5", "²", "9" * 41, " 5"])
METADATA_CELLS = st.sampled_from(["", "{}", '{"a": 1e3}', '{\n"a":1}', "nonsense", "[1]", '"é"'])
ODD_ROWS = st.sampled_from(["", "\n", ",,,,,,,,,,,\n", "a,b\n", '"open,\n', '"a"b,\n', "\r\n", "\0,a\n", "é\n"])


@st.composite
def odd_files(draw: st.DrawFn) -> bytes:
    """Rows of which most are good, some are odd, and some cannot be read."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, COLUMNS, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    writer.writeheader()
    for _ in range(draw(st.integers(0, 14))):
        if draw(st.integers(0, 5)) == 0:
            file.write(draw(ODD_ROWS))
            continue
        changed = draw(st.dictionaries(st.sampled_from(COLUMNS), CELLS, max_size=2))
        name = draw(st.sampled_from(["", "p", "p", "q"]))
        writer.writerow(GOOD | {"payment": name, "metadata": draw(METADATA_CELLS)} | changed)
    return file.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8", "latin-1"])), "replace")


@given(odd_files())
def test_the_quick_way_reads_a_file_as_the_thorough_one(content: bytes) -> None:
    """The bodies byte for byte: a request that is sent again under its key must be the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows, "LINES_AT_ONCE", 3)
        quick = read(content)
        patch.setattr(csv_rows, "_plain", lambda file, at: [])
        patch.setattr(PlainBody, "body_of", lambda self, rows: None)
        thorough = read(content)
    assert quick == thorough


def test_an_ordinary_file_goes_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> Any:
        raise AssertionError("the thorough way is taken")

    file = io.BytesIO(a_file(*({"payment": str(n // 2), "metadata": '{"a": 1}'} for n in range(220))))
    columns, start = csv_header.read(file)
    monkeypatch.setattr(csv_payments, "body_of", never)
    monkeypatch.setattr(csv_rows, "_Lines", never)
    found = csv_payments.records(file, columns, start)
    assert [len(next(found).item_lines) for _ in range(100)] == [2] * 100
