"""The reference page: whole, readable offline, without scripts, true to its own security policy."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from xase_server.domain.errors import CATALOGUE
from xase_server.web.endpoints import ENDPOINTS
from xase_server.web.markup import element, prose


class Page(HTMLParser):
    """Tags, ids, links and text of a page; fails on tags that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.styles: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [value for name, value in attrs if name in {"href", "src", "action"}]
        assert not [name for name in given if name.startswith("on") or name == "style"]
        if tag not in {"meta", "link", "br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.styles.append(data)


@pytest.fixture
async def answer(client):
    return await client.get("/docs")


async def test_the_page_needs_nothing_from_elsewhere_and_no_script(answer):
    page = Page(answer.text)
    assert page.tags & {"script", "iframe", "img", "link", "object", "form"} == set()
    assert [link for link in page.links if not link.startswith(("#", "/"))] == []
    assert "url(" not in "".join(page.styles)
    assert "@import" not in "".join(page.styles)


async def test_its_security_policy_allows_its_style_and_nothing_else(answer):
    (style,) = Page(answer.text).styles
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy


async def test_every_inner_link_leads_somewhere_and_every_id_is_unique(answer):
    page = Page(answer.text)
    assert len(set(page.ids)) == len(page.ids)
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= set(page.ids)


async def test_every_endpoint_and_every_error_has_its_place(answer):
    page = Page(answer.text)
    assert {endpoint.name for endpoint in ENDPOINTS} <= set(page.ids)
    assert set(CATALOGUE) <= set(page.ids)


async def test_the_links_of_problem_details_lead_into_the_page(client, answer):
    problem = (await client.get("/nowhere", headers={"accept": "application/problem+json"})).json()
    path, _, anchor = problem["type"].partition("#")
    assert path == "/docs"
    assert anchor in Page(answer.text).ids


async def test_it_says_what_its_language_is_and_can_be_skipped_through(answer):
    assert answer.text.startswith('<!doctype html>\n<html lang="en">')
    assert re.search(r'<a href="#main" class="skip">', answer.text)


def test_text_cannot_become_markup():
    assert element("p", "<b>", title='"x"') == '<p title="&quot;x&quot;">&lt;b&gt;</p>'
    assert prose("a `<b>` c") == "a <code>&lt;b&gt;</code> c"
