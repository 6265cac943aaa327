"""Nothing says that somebody was there: an odd hour, hardly any time, no photos, taken together."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.chance import surprise, together
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.presence_facts import PresenceFacts
from vendorpay.domain.fraud.priors import COMPARABLE_MIN, Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    presence = facts.presence
    chances = {name: chance for name, chance in _chances(presence).items() if chance is not None}
    if len(chances) < 2:
        return None
    strength = evidence(surprise(together(chances.values())) + parameters["priorDecades"])
    odd = sum(chance <= parameters["oddMax"] for chance in chances.values())
    # Photos as ever say that somebody was there, and so does the usual time.
    is_seen = (
        chances.get("in photos", 0.0) > parameters["photosMax"] or chances.get("in time", 0.0) > parameters["timeMax"]
    )
    if strength <= 0 or odd < 2 or is_seen:
        return None
    words = f"{presence.duration_min} minutes of work at {presence.hour:02d}h UTC with {presence.photo_count} photos: "
    shares = ", ".join(f"{name} {chance:.1%}" for name, chance in chances.items())
    return Speaks(strength, f"{words}as unusual are {shares} of comparable payments.")


def _chances(presence: PresenceFacts) -> dict[str, float | None]:
    """Of each trait, the share that is as odd; by the kinder of the comparisons."""
    durations = [
        side.chance
        for side in (presence.vendor_duration, presence.peer_duration)
        if side is not None and side.usual.count >= COMPARABLE_MIN
    ]
    hours = [each for each in (presence.vendor_hour, presence.peer_hour) if each is not None]
    photos = [each for each in (presence.vendor_fewer_photos, presence.peer_fewer_photos) if each is not None]
    # A time that is known and not short for anybody says that somebody was there.
    usual = None if presence.duration_min is None else 1.0
    return {
        "in time": max(durations, default=usual),
        "in the hour": max(hours, default=None),
        "in photos": max(photos, default=None),
    }


GHOST_JOB: Final = Signal(
    code="ghost_job",
    family="presence",
    weight=1.0,
    parameters={"oddMax": 0.2, "photosMax": 0.5, "timeMax": 0.1, "priorDecades": 1.2},
    judge=_judge,
)
