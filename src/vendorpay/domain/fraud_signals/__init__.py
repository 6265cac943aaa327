"""The fraud signals: one pure file each, and the table of them in the order in which they are asked (docs/fraud.md)."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.fraud.signal import Signal
from vendorpay.domain.fraud_signals.amount_vs_duration import AMOUNT_VS_DURATION
from vendorpay.domain.fraud_signals.benford import BENFORD
from vendorpay.domain.fraud_signals.collusion import COLLUSION
from vendorpay.domain.fraud_signals.currency_change import CURRENCY_CHANGE
from vendorpay.domain.fraud_signals.duplicate_exact import DUPLICATE_EXACT
from vendorpay.domain.fraud_signals.duplicate_fuzzy import DUPLICATE_FUZZY
from vendorpay.domain.fraud_signals.ghost_job import GHOST_JOB
from vendorpay.domain.fraud_signals.high_amount import HIGH_AMOUNT
from vendorpay.domain.fraud_signals.line_item_novelty import LINE_ITEM_NOVELTY
from vendorpay.domain.fraud_signals.mileage_outlier import MILEAGE_OUTLIER
from vendorpay.domain.fraud_signals.new_vendor import NEW_VENDOR
from vendorpay.domain.fraud_signals.new_vendor_burst import NEW_VENDOR_BURST
from vendorpay.domain.fraud_signals.payee_account_recently_changed import PAYEE_ACCOUNT_RECENTLY_CHANGED
from vendorpay.domain.fraud_signals.price_rise import PRICE_RISE
from vendorpay.domain.fraud_signals.round_amount import ROUND_AMOUNT
from vendorpay.domain.fraud_signals.self_dealing import SELF_DEALING
from vendorpay.domain.fraud_signals.split_below_limit import SPLIT_BELOW_LIMIT
from vendorpay.domain.fraud_signals.unusual_hour import UNUSUAL_HOUR
from vendorpay.domain.fraud_signals.velocity_24h import VELOCITY_24H
from vendorpay.domain.fraud_signals.velocity_change import VELOCITY_CHANGE

SIGNALS: Final[tuple[Signal, ...]] = (
    HIGH_AMOUNT,
    MILEAGE_OUTLIER,
    PRICE_RISE,
    COLLUSION,
    SELF_DEALING,
    NEW_VENDOR,
    NEW_VENDOR_BURST,
    VELOCITY_24H,
    VELOCITY_CHANGE,
    DUPLICATE_EXACT,
    DUPLICATE_FUZZY,
    SPLIT_BELOW_LIMIT,
    GHOST_JOB,
    AMOUNT_VS_DURATION,
    UNUSUAL_HOUR,
    ROUND_AMOUNT,
    LINE_ITEM_NOVELTY,
    PAYEE_ACCOUNT_RECENTLY_CHANGED,
    CURRENCY_CHANGE,
    BENFORD,
)

CODES: Final = tuple(signal.code for signal in SIGNALS)
