"""Where messages may be sent."""

from ipaddress import ip_address, ip_network

import pytest

from xase_server.outbound import HttpCourier
from xase_server.outbound.targets import may_reach, read_target
from xase_server.ports import Undelivered

INSIDE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:93.184.216.34",
    "64:ff9b::7f00:1",
    "64:ff9b::5db8:d822",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:5ef5:79fd::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_not_reached(address):
    assert not may_reach(ip_address(address), ())


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_a_public_address_is_reached(address):
    assert may_reach(ip_address(address), ())


def test_a_network_that_the_operator_names_is_reached_and_no_other_way_to_it():
    allowed = (ip_network("127.0.0.0/8"),)
    assert may_reach(ip_address("127.0.0.1"), allowed)
    assert not may_reach(ip_address("::ffff:127.0.0.1"), allowed)
    assert not may_reach(ip_address("10.0.0.1"), allowed)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "https:///path",
        "https://user@example.org/",
        "https://user:password@example.org/",
        "https://example.org/#part",
        "https://example.org\\@other.org/",
        "https://example.org:99999/",
        "https://example.org:0/",
        "https://[::1",
        "https://[fe80::1%25lo]/",
        "https://exa mple.org/",
        "https://example.org/\r\nX: y",
        "https://exämple.org/",
        "//example.org/",
        "",
    ],
)
def test_a_url_of_another_form_is_refused(url):
    with pytest.raises(Undelivered):
        read_target(url, plain=False)


def test_a_url_is_taken_apart():
    target = read_target("https://Example.org.:8443/a/b?c=d", plain=False)
    assert (target.host, target.port, target.path) == ("example.org", 8443, "/a/b?c=d")
    assert target.authority == "example.org:8443"
    assert read_target("https://[2606::1]", plain=False).authority == "[2606::1]"
    assert read_target("http://example.org", plain=True).port == 80


def naming(*addresses: str):
    async def resolve(host: str, port: int) -> list[str]:
        if not addresses:
            raise OSError(f"{host}:{port} is not known")
        return list(addresses)

    return resolve


@pytest.mark.parametrize("addresses", [(), ("10.0.0.1",), ("93.184.216.34", "127.0.0.1"), ("::1",)])
async def test_a_name_that_leads_inside_or_nowhere_is_refused(addresses):
    courier = HttpCourier(resolve=naming(*addresses))
    with pytest.raises(Undelivered) as caught:
        await courier.check("https://hooks.example.org/")
    assert caught.value.failure == "address"


async def test_numbers_that_the_system_reads_as_an_address_are_judged_as_that_address():
    for host in ("2130706433", "0x7f.1", "127.1", "0", "localhost"):
        with pytest.raises(Undelivered) as caught:
            await HttpCourier().check(f"https://{host}/")
        assert caught.value.failure == "address", host


async def test_a_name_that_leads_outside_is_taken():
    await HttpCourier(resolve=naming("93.184.216.34", "2606:2800:220:1::1")).check("https://hooks.example.org/")
