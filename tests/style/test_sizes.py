"""Files and functions stay short enough to be read."""

from tests.style.rules.sizes import FILE_LINES_MAX, FUNCTION_LINES_MAX, long_file, long_functions
from tests.style.rules.source import Source, listing, package


def test_no_file_is_longer_than_400_lines() -> None:
    found = [finding for file in package() for finding in long_file(file)]
    assert not found, listing(found)


def test_no_function_is_longer_than_50_lines() -> None:
    found = [finding for file in package() for finding in long_functions(file)]
    assert not found, listing(found)


def test_one_line_above_the_file_limit_is_found() -> None:
    path = "src/vendorpay/domain/payment.py"
    assert long_file(Source.parse(path, "x = 1\n" * FILE_LINES_MAX)) == []
    assert len(long_file(Source.parse(path, "x = 1\n" * (FILE_LINES_MAX + 1)))) == 1


def test_one_line_above_the_function_limit_is_found_in_methods_too() -> None:
    def method(lines: int) -> Source:
        text = "class C:\n    @property\n    async def f(self):\n" + "        x = 1\n" * (lines - 1)
        return Source.parse("src/vendorpay/domain/payment.py", text)

    assert long_functions(method(FUNCTION_LINES_MAX)) == []
    assert len(long_functions(method(FUNCTION_LINES_MAX + 1))) == 1
