"""Random damage to a larger bundle, by accident and by hand: never verified, never a crash."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from xase import Client
from xase.proof.archive import Limits, read_archive, write_archive
from xase.proof.report import Verdict
from xase.proof.trust import Trust, read_trust
from xase.proof.verify import verify_bundle

VERIFIED = {Verdict.VERIFIED, Verdict.UNWITNESSED}


@dataclass(frozen=True)
class Exported:
    data: bytes
    trust: Trust


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A bundle of some hundred decisions, a few of them overridden, a few erased."""
    folder = tmp_path_factory.mktemp("exported")
    with Client.local(folder / "home") as client:
        for n in range(200):
            record = client.records.create(model_id="m", input={"n": n}, output={"yes": n % 2 == 0}, confidence=0.5)
            if n % 20 == 3:
                client.records.intervene(record.id, action="REJECTED", reason="looked at")
            if n % 20 == 7:
                client.records.erase(record.id, reason="asked for")
        file: Path = client.evidence.export(model_id="m").download(folder)
        keys = client.evidence.server_keys()
    bundle = Exported(file.read_bytes(), read_trust([keys]))
    assert verify_bundle(bundle.data, bundle.trust).verdict in VERIFIED
    return bundle


def overwritten(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 8, 64))):
        changed[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(changed)


def zeroed(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    length = min(chance.choice((16, 512, 4096)), len(data) - start)
    return data[:start] + bytes(length) + data[start + length :]


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def without_a_piece(data: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.sample(range(len(data)), 2))
    return data[:start] + data[end:]


def with_a_piece_twice(data: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.sample(range(len(data)), 2))
    return data[:end] + data[start:]


def exchanged(data: bytes, chance: random.Random) -> bytes:
    """Two pieces of one length in each other's place."""
    length = chance.choice((1, 32, 500))
    first, second = sorted(chance.sample(range(0, len(data) - length, length), 2))
    one, two = data[first : first + length], data[second : second + length]
    return data[:first] + two + data[first + length : second] + one + data[second + length :]


DAMAGE = [overwritten, zeroed, cut, without_a_piece, with_a_piece_twice, exchanged]
Damage = Callable[[bytes, random.Random], bytes]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_bundle_is_never_verified(exported, full, damage: Damage):
    chance = random.Random(damage.__name__)
    for _ in range(1_000 if full else 40):
        changed = damage(exported.data, chance)
        if changed != exported.data:
            report = verify_bundle(changed, exported.trust)
            assert report.verdict not in VERIFIED
            assert report.findings


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_damaged_inside_an_archive_that_is_made_anew_is_never_verified(exported, full, damage: Damage):
    """Whoever alters a bundle on purpose makes a proper archive of it again."""
    chance = random.Random(damage.__name__)
    files = read_archive(exported.data, Limits()).files
    for _ in range(1_000 if full else 40):
        name = chance.choice(sorted(name for name, content in files.items() if len(content) > 1_100))
        changed = damage(files[name], chance)
        if changed != files[name]:
            report = verify_bundle(write_archive({**files, name: changed}), exported.trust)
            assert report.verdict not in VERIFIED
            assert report.findings
