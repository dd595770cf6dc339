"""`xase webhooks`, against a real server."""

import pytest

URL = "https://93.184.216.34/hook"  # never reached: nothing that these webhooks are told of happens here


@pytest.fixture
def made(xase_):
    answer = xase_("webhooks", "create", URL, "--event", "webhook_disabled", "--description", "d", "--json")
    assert answer.code == 0, answer.err
    yield answer.json
    xase_("webhooks", "delete", answer.json["id"])


def test_a_webhook_is_made_listed_and_deleted(xase_, made):
    assert made["secret"].startswith("whsec_")
    listed = xase_("webhooks", "list", "--json")
    assert made["secret"] not in listed.out
    assert made["id"] in [each["id"] for each in listed.json["data"]]
    assert made["id"] in xase_("webhooks", "list").out
    assert xase_("webhooks", "delete", made["id"], "--json").json["status"] == "DELETED"
    assert xase_("webhooks", "deliveries", made["id"]).code == 4


def test_the_secret_goes_into_a_file_and_is_not_shown(xase_, tmp_path):
    answer = xase_("webhooks", "create", URL, "--event", "webhook_disabled", "-o", "hook.secret")
    secret = (tmp_path / "hook.secret").read_text().strip()
    assert secret.startswith("whsec_")
    assert secret not in answer.out + answer.err
    identifier = answer.out.split()[1]
    assert xase_("webhooks", "delete", identifier).code == 0


def test_a_webhook_gets_another_secret_and_another_description(xase_, made, tmp_path):
    answer = xase_("webhooks", "rotate-secret", made["id"], "--grace", "1h", "-o", "hook.secret", "--json")
    assert answer.json["id"] == made["id"]
    assert (tmp_path / "hook.secret").read_text().strip() not in {made["secret"], ""}
    changed = xase_("webhooks", "update", made["id"], "--description", "other", "--disable", "--json").json
    assert (changed["description"], changed["status"]) == ("other", "DISABLED")
    assert xase_("webhooks", "test", made["id"]).code == 8


def test_what_was_sent_is_listed_and_sent_again(xase_, made):
    assert xase_("webhooks", "deliveries", made["id"], "--status", "DEAD", "--json").json == {"data": [], "total": 0}
    assert xase_("webhooks", "replay", made["id"], "--dead", "--json").json == {"data": [], "total": 0}
    assert xase_("webhooks", "replay", made["id"], "msg_0000000000000000").code == 4


@pytest.mark.parametrize("arguments", [(), ("msg_0000000000000000", "--dead")])
def test_what_to_send_again_is_said_in_one_way(xase_, made, arguments):
    assert xase_("webhooks", "replay", made["id"], *arguments).code == 2


def test_a_url_that_leads_inside_is_refused(xase_):
    answer = xase_("webhooks", "create", "https://127.0.0.1/", "--event", "webhook_disabled")
    assert answer.code == 8
    assert "private" in answer.err
