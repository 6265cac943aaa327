"""The client against a running service, also through a network that loses the service's answers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client.faulty_server import Seen, answer, faulty
from tests.scenarios.asking import Office, client_of
from tests.scenarios.serving import Serve
from vendorpay.client import Client, NewLine, NewPayment, Patience, Payment, Problem

ROOT = Path(__file__).parents[2]


def new_payment(cents: int = 15_000, **fields: Any) -> dict[str, Any]:
    lines = [NewLine(description="Tow", quantity=1, unit_price_cents=cents)]
    job = {"incident_id": uuid4(), "vendor_id": uuid4(), "payer_type": "back_office"}
    return {**job, "amount_cents": cents, "line_items": lines, **fields}


@contextmanager
def losing(serve: Serve, token: str) -> Iterator[tuple[Client, list[int]]]:
    """A client whose first answer to each request is lost on its way back, after the service has committed."""
    statuses: list[int] = []
    known: set[str] = set()

    def forward(seen: Seen) -> bytes | None:
        headers = {name: value for name, value in seen.headers.items() if name != "host"}
        said = behind.request(seen.method, seen.target, headers=headers, content=seen.body)
        statuses.append(said.status_code)
        asked = seen.method + seen.target + seen.headers.get("idempotency-key", "")
        if asked not in known:
            known.add(asked)
            return None
        replayed = {name: value for name, value in said.headers.items() if name == "idempotent-replayed"}
        return answer(
            said.status_code, said.content, **{name.replace("-", "_"): each for name, each in replayed.items()}
        )

    patience = Patience(pause_s_first=0.001)
    with (
        client_of(serve) as behind,
        faulty(forward) as network,
        Client(network.url, token, patience=patience) as client,
    ):
        yield client, statuses


def once_scored(client: Client, payment_id: UUID) -> Payment:
    """The payment when nothing changes it any more but its people: its score is its own change of version."""
    deadline = time.monotonic() + 60
    while (payment := client.get_payment(payment_id)).fraud_status is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return payment


def test_answers_that_are_lost_after_the_commit_double_nothing(serve: Serve, office: Office) -> None:
    """Origin 41, 42: each retry paid once more."""
    vendor = uuid4()
    with losing(serve, office.creator.token) as (client, statuses):
        created = client.create_payment(**new_payment(vendor_id=vendor))
        assert (statuses, created.is_replayed) == ([201, 201], True)
        held = client.hold_payment(created.payment_id, reason="no photo")
        client.release_payment(held.payment_id)
        seen = once_scored(client, held.payment_id)
        edited = client.update_payment(created.payment_id, if_match=seen.version, reference="R-1")
        jobs = [NewPayment(**new_payment(vendor_id=vendor)) for _ in range(3)]
        assert [each.status for each in client.create_payments(jobs).results] == [201] * 3
        paid = list(client.list_vendor_payments(vendor, limit=1))
        assert len(paid) == 4
        assert [each.payment_id for each in paid][-1] == created.payment_id
    assert (edited.version, edited.reference) == (seen.version + 1, "R-1")
    with Client(serve.url, office.auditor.token) as auditor:
        actions = [entry.action for entry in auditor.get_payment_audit_log(created.payment_id).entries]
    assert actions.count("payment_scored") == 1
    actions.remove("payment_scored")  # it came when it came
    assert actions == ["payment_created", "payment_held", "payment_released", "payment_updated"]


def test_the_life_of_a_payment_through_the_client(serve: Serve, office: Office) -> None:
    with Client(serve.url, office.creator.token) as creator, Client(serve.url, office.reviewer.token) as reviewer:
        created = creator.create_payment(**new_payment(metadata={"km": 7}))
        with pytest.raises(Problem) as refused:
            creator.approve_payment(created.payment_id)
        assert (refused.value.code, refused.value.status) == ("four_eyes", 403)
        with pytest.raises(Problem, match="digest_mismatch"):
            reviewer.approve_payment(created.payment_id, expected_digest="0" * 64)
        waiting = [each.payment_id for each in reviewer.list_pending_payments(limit=1)]
        assert waiting == [created.payment_id]
        once_scored(reviewer, created.payment_id)
        approved = reviewer.approve_payment(created.payment_id, expected_digest=created.digest, notes="seen")
        assert (approved.status, approved.approvals[0].notes) == ("approved", "seen")
        assert reviewer.undo_approval(created.payment_id).status == "pending_approval"
        again, unknown = reviewer.approve_payments([created.payment_id, uuid4()]).results
        assert (again.status, unknown.status) == (200, 404)
        with pytest.raises(Problem, match="412"):
            creator.update_payment(created.payment_id, if_match=1, reference="R-2")
        assert creator.get_incident_payment(created.incident_id).metadata == {"km": 7}
    with Client(serve.url) as nobody:
        assert nobody.get_readiness().status == "ready"
        with pytest.raises(Problem, match="401"):
            nobody.get_payment(created.payment_id)


def test_the_examples_of_the_page_work_as_they_stand(
    serve: Serve, office: Office, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/client.md; test_readme runs that of the README."""
    monkeypatch.setenv("DISPATCHER", office.creator.token)
    monkeypatch.setenv("ADMIN", office.admin.token)
    with Client(serve.url, office.creator.token) as creator:
        creator.create_payment(**new_payment())
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/client.md").read_text(), re.S)
    assert "http://127.0.0.1:8080" in block
    exec(compile(block.replace("http://127.0.0.1:8080", serve.url), "docs/client.md", "exec"), {})
    assert "403 four_eyes" in capsys.readouterr().out
