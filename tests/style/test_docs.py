"""Every file says what it is for, and the domain's words say what they mean."""

from tests.style.rules.docs import missing_docstrings, missing_module_docstring
from tests.style.rules.source import ROOT, Source, listing, package


def test_every_module_says_what_it_is_for() -> None:
    found = [finding for file in package() for finding in missing_module_docstring(file)]
    assert not found, listing(found)


def test_public_names_of_domain_and_usecases_say_what_they_mean() -> None:
    found = [finding for file in package() for finding in missing_docstrings(file)]
    assert not found, listing(found)


def test_a_module_without_a_docstring_is_found() -> None:
    assert len(missing_module_docstring(Source.parse("src/vendorpay/api/app.py", "x = 1"))) == 1
    assert missing_module_docstring(Source.parse("src/vendorpay/api/app.py", '"""The app."""')) == []


def test_a_silent_public_name_is_found_where_names_must_be_explained() -> None:
    text = 'def f(): ...\nclass C: ...\nasync def g(): ...\ndef _h(): ...\ndef k():\n    """Meaning."""'
    assert len(missing_docstrings(Source.parse("src/vendorpay/domain/payment.py", text))) == 3
    assert missing_docstrings(Source.parse("src/vendorpay/api/app.py", text)) == []


def test_every_decision_is_in_the_list_of_decisions_by_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = sorted(page for page in folder.glob("*.md") if page.name != "README.md")
    assert pages
    listed = (folder / "README.md").read_text("utf-8").splitlines()
    for page in pages:
        number, _, title = page.read_text("utf-8").splitlines()[0].removeprefix("# ").partition(". ")
        assert number == str(int(page.name[:4]))
        assert f"| [{number}]({page.name}) | {title} |" in listed
