"""Amounts, both ends included; in minor units, so that they mean something only beside currencies."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.approval_rules.condition import Condition

AT_LEAST: Final = Condition(field="min_amount_cents", met=lambda least, facts: facts.amount_cents >= least)
AT_MOST: Final = Condition(field="max_amount_cents", met=lambda most, facts: facts.amount_cents <= most)
