"""`xase keys`, against a real server."""

import stat

import pytest

FIELDS = {"id", "name", "email", "role", "scopes", "may_act_for", "display", "created_at"}


@pytest.fixture
def made(xase_):
    answer = xase_("keys", "create", "--name", "n", "--role", "ai_lab", "--email", "lab@x.example", "--json")
    assert answer.code == 0, answer.err
    return answer.json


def test_a_new_key_is_shown_once_and_works(xase_, made, server):
    assert made.keys() == FIELDS | {"key"}
    with server.client(made["key"]) as client:
        assert client.whoami().email == "lab@x.example"
    assert made["key"] not in xase_("keys", "list", "--json").out


def test_a_new_key_goes_into_a_file_of_its_owner_and_is_not_shown(xase_, server, tmp_path):
    answer = xase_("keys", "create", "--name", "n", "--scope", "records:read", "-o", "lab.key")
    secret = (tmp_path / "lab.key").read_text().strip()
    assert stat.S_IMODE((tmp_path / "lab.key").stat().st_mode) == 0o600
    assert secret not in answer.out + answer.err
    with server.client(secret) as client:
        assert client.whoami().scopes == ["records:read"]


def test_no_key_is_made_when_its_file_exists(xase_, tmp_path):
    (tmp_path / "lab.key").write_text("mine")
    before = xase_("keys", "list", "--json").json["total"]
    assert xase_("keys", "create", "--name", "n", "--role", "auditor", "-o", "lab.key").code == 2
    assert xase_("keys", "list", "--json").json["total"] == before
    assert (tmp_path / "lab.key").read_text() == "mine"


def test_a_rotated_key_has_a_successor_and_an_end(xase_, made, server):
    fresh = xase_("keys", "rotate", made["id"], "--grace", "1h", "--json").json
    with server.client(fresh["key"]) as client:
        assert client.whoami().email == "lab@x.example"
    (old,) = [key for key in xase_("keys", "list", "--json").json["data"] if key["id"] == made["id"]]
    assert old["rotated_to"] == fresh["id"]
    assert "expires_at" in old


def test_a_revoked_key_is_refused(xase_, made, tmp_path):
    (tmp_path / "lab.key").write_text(made["key"])
    assert xase_("keys", "revoke", made["id"], "--json").json["revoked_at"]
    assert xase_("whoami", "--key-file", "lab.key").code == 3
    assert "revoked" in xase_("keys", "list").out


def test_both_a_role_and_scopes_are_a_usage_error(xase_):
    assert xase_("keys", "create", "--name", "n", "--role", "auditor", "--scope", "records:read").code == 2
