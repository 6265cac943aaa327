"""A person's words can be found by who said them, and erased, while the chain still verifies."""

import psycopg
import pytest

from tests.usecases.world import OTHER_DISPATCHER, World

pytestmark = pytest.mark.anyio


async def test_fault_60_what_a_person_said_is_erased_by_their_own_name_whatever_its_form(
    world: World,
) -> None:
    """The predecessor compared uuid actor ids with text, so that its erasure jobs always failed."""
    payment = await world.create()
    await world.approve(payment.payment_id, notes="she sounded tired on the phone")
    with psycopg.connect(world.urls.app, autocommit=True) as connection:
        erased = connection.execute(
            "UPDATE audit_texts t SET salt = NULL, text = NULL FROM payment_audit_log a "
            "WHERE a.subject_id = t.subject_id AND a.seq = t.seq AND a.org_id = t.org_id AND a.actor_id = %s",
            (OTHER_DISPATCHER.sub,),
        )
        assert erased.rowcount == 1
    report = await world.audit()
    assert (report.clean, report.erased) == (True, 1)
