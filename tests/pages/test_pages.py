"""The pages people see, in a real browser: they stand alone, ask nobody else, and need no script."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.api.conftest import DECISION
from xase.proof.bundle import read_bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A page on which nothing may go wrong: no message on the console, no request elsewhere, no script."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    page.on("request", lambda request: said.append(request.url) if not _is_local(request.url) else None)
    yield page
    context.close()
    assert said == []


def _is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "file://", "data:"))


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """`report.html` of a real bundle, written where a browser can open it."""
    import xase

    folder = tmp_path_factory.mktemp("report")
    with xase.Client.local(folder / "home") as client:
        ids = [client.records.create(**{**DECISION, "confidence": n / 10}).id for n in range(10)]
        client.records.intervene(ids[0], action="APPROVED", reason="looked at")
        client.evidence.export(record_ids=ids, purpose="<b>Audit</b> & more").wait().download(folder / "bundle.zip")
    page = folder / "report.html"
    page.write_bytes(read_bundle((folder / "bundle.zip").read_bytes()).files["report.html"])
    return page


def test_the_report_tells_the_story_of_its_bundle(page, report):
    page.goto(report.as_uri())
    assert page.locator("h1").inner_text() == "10 decision records"
    assert page.locator("dl.numbers dd").all_inner_texts()[:2] == ["10", "1"]
    assert "<b>Audit</b> & more" in page.locator("header").inner_text()
    assert page.locator("svg rect").count() == 20


def test_the_report_fits_a_telephone(page, report):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(report.as_uri())
    body = page.locator("body").bounding_box()
    assert body is not None
    assert body["width"] <= 390


def test_the_reference_page_shows_every_endpoint(page, served):
    page.goto(f"{served}/docs")
    shown = page.locator("main").inner_text()
    for endpoint in ("/v1/records", "/v1/evidence/bundles", "/v1/ledger/checkpoint", "/v1/keys"):
        assert endpoint in shown


def test_the_reference_pages_links_lead_somewhere(page, served):
    page.goto(f"{served}/docs")
    targets = {link.get_attribute("href") for link in page.locator('nav a[href^="#"]').all()}
    assert len(targets) > 20
    assert all(page.locator(f'[id="{target[1:]}"]').count() == 1 for target in targets)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[str]:
    """The address of a real server."""
    from tests.faults.server import Server

    server = Server.start(tmp_path_factory.mktemp("pages") / "home").wait_until_ready()
    yield f"http://127.0.0.1:{server.port}"
    server.kill()
