"""Money is whole minor units: nothing is lost in splitting, and the digits follow the currency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.domain.currencies import EXPONENTS
from vendorpay.domain.money import Money, split

amounts = st.builds(Money, st.integers(-(10**15), 10**15), st.sampled_from(sorted(EXPONENTS)))


@given(amounts, st.integers(1, 300))
def test_the_parts_of_a_split_add_up_to_the_whole_and_differ_by_one_at_most(total: Money, parts: int) -> None:
    shares = split(total, parts)
    assert len(shares) == parts
    assert sum(shares, Money(0, total.currency)) == total
    assert max(shares).minor - min(shares).minor <= 1
    assert shares == sorted(shares, reverse=True)


@given(amounts)
def test_an_amount_is_written_with_the_digits_of_its_currency_and_can_be_read_back(amount: Money) -> None:
    digits, currency = str(amount).split(" ")
    whole, _, fraction = digits.lstrip("-").partition(".")
    assert currency == amount.currency
    assert len(fraction) == EXPONENTS[currency]
    assert int(whole + fraction) == abs(amount.minor)
    assert digits.startswith("-") == (amount.minor < 0)


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (1234, "USD", "12.34 USD"),
        (-5, "USD", "-0.05 USD"),
        (0, "USD", "0.00 USD"),
        (1234, "JPY", "1234 JPY"),
        (1234, "KWD", "1.234 KWD"),
        (7, "CLF", "0.0007 CLF"),
    ],
)
def test_fault_42_minor_units_are_not_always_hundredths(minor: int, currency: str, words: str) -> None:
    assert str(Money(minor, currency)) == words


@pytest.mark.parametrize("currency", ["zzz", "usd", "XXX", "XAU", "", "US", "USDT"])
def test_fault_42_a_currency_nobody_pays_in_makes_no_money(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)


@pytest.mark.parametrize("minor", [True, 1.0, "1", None])
def test_only_an_integer_is_an_amount(minor: object) -> None:
    with pytest.raises(ValueError, match="integer"):
        Money(minor, "USD")  # type: ignore[arg-type]


def test_two_currencies_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="EUR"):
        Money(1, "USD") + Money(1, "EUR")


@pytest.mark.parametrize("parts", [0, -1])
def test_money_is_not_split_into_nothing(parts: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        split(Money(1, "USD"), parts)
