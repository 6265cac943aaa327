"""Why a payment was rejected, cancelled or held, as a closed set beside the free text, so that reports can count it."""

from __future__ import annotations

from enum import StrEnum


class ReasonCode(StrEnum):
    """The closed set; `other` leaves it to the text."""

    DUPLICATE = "duplicate"
    INFLATED = "inflated"
    NOT_PERFORMED = "not_performed"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_VENDOR = "wrong_vendor"
    MISSING_DOCUMENTS = "missing_documents"
    CREATED_BY_MISTAKE = "created_by_mistake"
    OTHER = "other"
