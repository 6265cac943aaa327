"""ISO 4217: the active currencies that can be paid in, and how many decimal digits their minor unit has.

Source: ISO 4217 list one, "Current currency & funds code list" (SIX Financial Information, the maintenance agency).
Codes without a minor unit (metals, bond units, XDR, XTS, XXX ..) are left out: nothing can be paid in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BY_EXPONENT: Final[Mapping[int, str]] = {
    0: """
    BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
    """,
    2: """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
    CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
    GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR
    PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP
    TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: """
    BHD IQD JOD KWD LYD OMR TND
    """,
    4: """
    CLF UYW
    """,
}

EXPONENTS: Final[Mapping[str, int]] = {
    code: exponent for exponent, codes in sorted(_BY_EXPONENT.items()) for code in codes.split()
}
"""Digits behind the point of each currency's major unit: 2 for USD, 0 for JPY, 3 for KWD."""
