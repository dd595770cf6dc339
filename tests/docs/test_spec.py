"""The wire contract's page says what the server does: every endpoint, every error with its status, every parameter."""

import re

from tests.conftest import REPOSITORY
from xase_server.domain.errors import CATALOGUE
from xase_server.web.endpoints import ENDPOINTS

CONTRACT = (REPOSITORY / "docs" / "spec" / "api.md").read_text()
ERROR_ROW = re.compile(r"^\| (?P<slugs>`\w+`(?:, `\w+`)*) \| (?P<status>[1-5]\d\d) \|", re.MULTILINE)


def test_every_endpoint_stands_in_the_contract():
    assert [e.path for e in ENDPOINTS if not re.search(re.escape(e.path) + r"[`\s?]", CONTRACT)] == []


def test_every_error_stands_in_the_contract_with_its_status():
    written = {
        slug: int(row["status"])
        for row in ERROR_ROW.finditer(CONTRACT)
        for slug in re.findall(r"`(\w+)`", row["slugs"])
    }
    assert written == {kind.slug: kind.status for kind in CATALOGUE.values()}


def test_every_parameter_stands_in_the_contract():
    names = {parameter.name for endpoint in ENDPOINTS for parameter in endpoint.parameters}
    assert {name for name in names if f"`{name}`" not in CONTRACT and f"?{name}=" not in CONTRACT} == set()
