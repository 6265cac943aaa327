"""Every event that we publish is whole, from its struct to its page."""

from tests.style.rules.events import events, uncaused, untested, with_free_text, without_page
from tests.style.rules.source import listing
from tests.style.rules.tree import Tree, project


def test_every_event_is_caused_by_a_use_case() -> None:
    assert not (found := uncaused(project())), listing(found)


def test_every_event_is_seen_by_a_test() -> None:
    assert not (found := untested(project())), listing(found)


def test_every_event_has_a_page() -> None:
    assert not (found := without_page(project())), listing(found)


def test_no_event_holds_somebodys_words_an_address_or_a_secret() -> None:
    assert not (found := with_free_text(project())), listing(found)


def test_the_rules_see_every_event() -> None:
    names = {node.name for _, node in events(project())}
    assert {"PaymentCreated", "WebhookEndpointDeleted"} <= names


def test_a_field_for_words_is_found() -> None:
    text = "class PaymentHeld(PaymentEvent):\n    reason: str\n    reason_code: str\n"
    assert len(with_free_text(Tree({"src/vendorpay/domain/events.py": text}))) == 1
