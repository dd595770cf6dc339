"""The SDK's pages: their examples run, and they leave nothing out."""

import inspect
from typing import Any

import pytest

import xase
from tests.conftest import REPOSITORY
from tests.docs.pages import Page

REFERENCE = Page(REPOSITORY / "docs/reference/sdk.md")
HOWTO = Page(REPOSITORY / "docs/howto/capture.md")
SESSIONS = [Page(REPOSITORY / f"docs/howto/{name}.md") for name in ("stream-for-training", "query-in-a-session")]


@pytest.mark.parametrize("page", [REFERENCE, HOWTO, *SESSIONS], ids=str)
def test_the_examples_of_a_page_run_in_order(page, site, medical_records, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XASE_BASE_URL", site.base_url)
    monkeypatch.setenv("XASE_API_KEY", site.api_key)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    names: dict[str, Any] = {}
    for block in page.blocks:
        if block.language == "python":
            exec(compile(block.body, f"{page}:{block.line}", "exec"), names)
    names["client"].close()


def test_every_public_name_is_documented():
    documented = REFERENCE.text + HOWTO.text
    assert [name for name in xase.__all__ if f"{name}" not in documented and name != "__version__"] == []


@pytest.mark.parametrize(
    "part", ["records", "datasets", "policies", "evidence", "keys", "ledger", "sessions", "approvals"]
)
def test_every_method_is_documented(part):
    with xase.Client(api_key="k") as client:
        kind = type(getattr(client, part))
    methods = [name for name, member in inspect.getmembers(kind) if not name.startswith("_") and name not in OWN]
    assert [name for name in methods if f"`{name}" not in REFERENCE.text] == []


OWN = {"close", "fetch"}  # what one part of the client does for another


def test_every_argument_of_the_client_is_documented():
    arguments = inspect.signature(xase.Client).parameters
    assert [name for name in arguments if f"| `{name}` |" not in REFERENCE.text] == []


def test_every_argument_of_a_method_is_documented():
    with xase.Client(api_key="k") as client:
        session = client.sessions.of(xase.SessionState({"session_id": "sess_1"}))
        methods = [
            client.access.__call__,
            *(
                member
                for part in (
                    client.records,
                    client.datasets,
                    client.policies,
                    client.policies.guardrails,
                    client.evidence,
                    client.keys,
                    client.ledger,
                    client.sessions,
                    session,
                )
                for name, member in inspect.getmembers(part, inspect.ismethod)
                if not name.startswith("_") and name not in OWN
            ),
        ]
    text = REFERENCE.text + HOWTO.text
    missing = {name for method in methods for name in inspect.signature(method).parameters if name not in text}
    assert missing == set()
