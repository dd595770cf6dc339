"""A message over TLS goes to who can show a valid certificate for the host in the URL, and to nobody else."""

from ipaddress import ip_network

import pytest

from tests.authority import Authority
from tests.receiver import receiving
from xase_server.outbound import HttpCourier, trusting
from xase_server.ports import Received, Undelivered

HOST = "hooks.example.invalid"


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def courier(file) -> HttpCourier:
    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    return HttpCourier(allowed=(ip_network("127.0.0.0/8"),), resolve=here, trust=trusting(file))


@pytest.mark.parametrize("host", [HOST, "127.0.0.1"])
async def test_a_certificate_of_an_authority_that_the_operator_names_is_valid(authority, host):
    async with receiving(tls=authority.server(HOST, "127.0.0.1")) as receiver:
        url = f"https://{host}:{receiver.port}/hook"
        assert await courier(authority.trusted).post(url, {"webhook-id": "msg_1"}, b"{}") == Received(200)
    assert [each.headers["host"] for each in receiver.received] == [f"{host}:{receiver.port}"]


async def refused(tls, file) -> None:
    async with receiving(tls=tls) as receiver:
        with pytest.raises(Undelivered) as caught:
            await courier(file).post(f"https://{HOST}:{receiver.port}/hook", {}, b"{}")
    assert caught.value.failure == "tls"
    assert receiver.received == [], "nothing is sent before the certificate is judged"


async def test_a_certificate_for_another_host_is_refused(authority):
    await refused(authority.server("other.example.invalid", "127.0.0.1"), authority.trusted)


async def test_a_certificate_that_has_ended_is_refused(authority):
    await refused(authority.server(HOST, ended=True), authority.trusted)


async def test_a_certificate_of_an_unknown_authority_is_refused(authority, tmp_path):
    await refused(Authority(tmp_path, "another").server(HOST), authority.trusted)


async def test_without_the_setting_only_the_systems_authorities_count(authority):
    await refused(authority.server(HOST), None)


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_file_without_a_certificate_is_refused_at_once(tmp_path, content):
    (tmp_path / "file.pem").write_text(content)
    with pytest.raises((OSError, ValueError)):
        trusting(tmp_path / "file.pem")
