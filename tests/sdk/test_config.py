"""What a client is told, and what it refuses."""

from pathlib import Path

import pytest

import xase
from xase._client.config import Timeouts, configure, normalise, state_folder

KEY = {"XASE_API_KEY": "xase_pk_from_environment"}


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.xase.ai/v1", "https://api.xase.ai/v1"),
        ("https://api.xase.ai/v1/", "https://api.xase.ai/v1"),
        ("https://api.xase.ai", "https://api.xase.ai/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("https://gateway.example/xase", "https://gateway.example/xase/v1"),
    ],
)
def test_the_version_stands_once_at_the_end_of_the_address(given, used):
    assert normalise(given) == used


@pytest.mark.parametrize(
    "address",
    ["", "api.xase.ai", "ftp://host", "https://", "https://user:pw@host", "https://host?x=1", "https://host#x"],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(xase.ConfigurationError):
        normalise(address)


def test_without_a_key_there_is_no_client():
    with pytest.raises(xase.ConfigurationError, match="XASE_API_KEY"):
        configure(environment={})


def test_a_key_of_any_prefix_is_taken():
    assert configure(api_key="sk_...", environment={}).api_key == "sk_..."


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_what_no_header_can_carry_is_refused(key):
    with pytest.raises(xase.ConfigurationError):
        configure(api_key=key, environment={})


def test_the_environment_fills_what_was_not_said():
    environment = {**KEY, "XASE_BASE_URL": "http://elsewhere:9", "XASE_STATE": "/state", "XASE_SPOOL": "/spool.db"}
    config = configure(environment=environment)
    assert config.api_key == "xase_pk_from_environment"
    assert config.base_url == "http://elsewhere:9/v1"
    assert config.checkpoint_store == Path("/state")
    assert config.spool_path == Path("/spool.db")


def test_what_was_said_wins_over_the_environment():
    config = configure(api_key="k", base_url="http://here", environment={**KEY, "XASE_BASE_URL": "http://elsewhere"})
    assert (config.api_key, config.base_url) == ("k", "http://here/v1")


def test_without_anything_the_server_is_this_machine():
    assert configure(environment=KEY).base_url == "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, Timeouts(5.0, 30.0)),
        (60.0, Timeouts(5.0, 60.0)),
        (2.0, Timeouts(2.0, 2.0)),
        ((1.0, 9.0), Timeouts(1.0, 9.0)),
    ],
)
def test_connecting_and_reading_have_timeouts_of_their_own(given, used):
    assert configure(timeout=given, environment=KEY).timeouts == used


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"timeout": (1.0, -1.0)}, {"deadline": 0}, {"max_retries": -1}])
def test_a_limit_that_allows_nothing_is_refused(wrong):
    with pytest.raises(xase.ConfigurationError):
        configure(environment=KEY, **wrong)


def test_no_repr_shows_the_key():
    config = configure(environment=KEY)
    assert "from_environment" not in repr(config)
    with xase.Client(api_key="xase_pk_secret") as client:
        assert "secret" not in repr(client)


def test_every_server_has_a_spool_of_its_own():
    here, there = (configure(base_url=url, environment=KEY) for url in ("http://here", "http://there"))
    assert here.spool_path != there.spool_path


@pytest.mark.parametrize(("named", "folder"), [("/state", "/state/xase"), ("relative", None), ("", None)])
def test_state_is_kept_where_the_user_keeps_state(named, folder):
    default = Path.home() / ".local" / "state" / "xase"
    assert state_folder({"XDG_STATE_HOME": named}) == (Path(folder) if folder else default)


def test_a_fingerprint_tells_keys_apart_without_giving_them_away():
    one, other = (configure(api_key=key, environment={}).key_fingerprint for key in ("a", "b"))
    assert one != other
    assert len(one) == 16
