"""Nothing says that somebody was there: an odd hour, hardly any time, no photos, taken together."""

from __future__ import annotations

from math import log2
from typing import Final

from vendorpay.domain.fraud.chance import surprise, together
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.presence_facts import PresenceFacts
from vendorpay.domain.fraud.priors import COMPARABLE_MIN, Priors
from vendorpay.domain.fraud.signal import Parameters, Signal, Speaks, evidence
from vendorpay.domain.fraud.words_of_money import counted, minutes, share


def _judge(facts: FraudFacts, parameters: Parameters, _: Priors) -> Speaks | None:
    presence = facts.presence
    chances = {name: chance for name, chance in _chances(presence).items() if chance is not None}
    if len(chances) < 2:
        return None
    decades = surprise(together(chances.values())) + parameters["priorDecades"]
    short = _how_short(presence)
    strength = evidence(decades + parameters["shortDecades"] * short)
    odd = sum(chance <= parameters["oddMax"] for chance in chances.values())
    # Photos as ever say that somebody was there, and so does the usual time; the usual hour, where it took some time.
    is_seen = (
        chances.get("in photos", 0.0) > parameters["photosMax"]
        or chances.get("in time", 0.0) > parameters["timeMax"]
        or (short <= 0 and chances.get("in the hour", 0.0) > parameters["hourMax"])
    )
    if strength <= 0 or odd < 2 or is_seen:
        return None
    shares = ", ".join(f"{name} {share(chance)}" for name, chance in chances.items())
    return Speaks(strength, f"{_seen(presence)}: as unusual are {shares} of comparable payments.")


def _seen(presence: PresenceFacts) -> str:
    """What there is to see of the work; what is unknown is not nothing."""
    work = "Work" if presence.duration_min is None else f"{minutes(presence.duration_min).capitalize()} of work"
    photos = "" if presence.photo_count is None else f" with {counted(presence.photo_count, 'photo')}"
    return f"{work} at {presence.hour:02d}h UTC{photos}"


def _how_short(presence: PresenceFacts) -> float:
    """From -1 for half of what the work usually takes, and above, to 1 for an eighth: work that is quickly done takes
    less time than other work, and work that nobody did takes none. 0 where it is unknown."""
    sides = [side.usual.median for side in (presence.vendor_duration, presence.peer_duration) if side is not None]
    if presence.duration_min is None or not sides:
        return 0.0
    return min(1.0, max(-1.0, log2(min(sides) / max(presence.duration_min, 1)) - 2.0))


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
    parameters={
        "oddMax": 0.2,
        "photosMax": 0.5,
        "timeMax": 0.1,
        "hourMax": 0.3,
        "priorDecades": 1.5,
        "shortDecades": 0.8,
    },
    judge=_judge,
)
