"""The page at /docs comes over HTTP as a browser asks for it."""

import httpx
import pytest

from tests.api.html_reading import Reading


def test_a_browser_gets_the_whole_page_once_and_keeps_it(client: httpx.Client) -> None:
    first = client.get("/docs", headers={"Accept": "text/html"})
    assert (first.status_code, first.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert int(first.headers["content-length"]) == len(first.content)
    assert "default-src 'none'" in first.headers["content-security-policy"]
    assert first.headers["x-content-type-options"] == "nosniff"
    page = Reading(first.text)
    assert page.faults == []
    paths = client.get("/openapi.json").json()["paths"]
    for methods in paths.values():
        for told in methods.values():
            assert f"operation-{told['operationId']}" in page.ids
    again = client.get("/docs", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.of_serve
def test_whoever_asks_for_the_head_alone_hears_how_long_the_page_is(client: httpx.Client) -> None:
    told = client.head("/docs").headers
    assert told["content-length"] == client.get("/docs").headers["content-length"]
