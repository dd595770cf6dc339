"""Record numbers without a library: the same sets as the library that writes them, and no other bytes."""

import random

import pytest
from pyroaring import BitMap64

from xase.proof.bitmap import BitmapError, RecordSet, Room, TooManyNumbers, containers, count


def bytes_of(numbers):
    bitmap = BitMap64(numbers)
    bitmap.run_optimize()
    return bytes(bitmap.serialize())


def members(data):
    return {(key << 16) + bit for key, mask in containers(data) for bit in bits(mask)}


def bits(mask):
    return [place for place, bit in enumerate(reversed(f"{mask:b}")) if bit == "1"] if mask else []


CHANCE = random.Random(7)
SETS = {
    "empty": set(),
    "one": {0},
    "far": {2**40, 2**40 + 1, 2**33},
    "list": set(CHANCE.sample(range(10**6), 500)),
    "bitmap": set(CHANCE.sample(range(65_536), 30_000)),
    "runs": set(range(65_000, 140_000)),
    "many runs": {n for n in range(300_000) if n % 100 < 60},
}


@pytest.mark.parametrize("name", SETS)
def test_a_bitmap_holds_what_was_written(name):
    data = bytes_of(SETS[name])
    assert members(data) == SETS[name]
    assert count(data) == len(SETS[name])


@pytest.mark.parametrize("name", SETS)
def test_a_bitmap_cut_short_or_longer_is_refused(name):
    data = bytes_of(SETS[name])
    for broken in (data[:-1], data + b"\0", b""):
        with pytest.raises(BitmapError):
            count(broken)


def test_changed_bytes_are_a_bitmap_or_refused_and_nothing_else():
    data = bytes_of(SETS["list"] | SETS["runs"])
    for _ in range(300):
        changed = bytearray(data)
        changed[CHANCE.randrange(len(data))] = CHANCE.randrange(256)
        try:
            count(bytes(changed))
        except BitmapError:
            continue


def test_a_set_grows_and_is_compared():
    released = RecordSet(Room())
    assert released.add(bytes_of({1, 2, 70_000})) == 3
    assert released.add(bytes_of({2, 3})) == 2
    assert released.lacked_of(bytes_of({1, 3, 4, 2**40})) == 2
    assert released.shared_with(bytes_of({1, 3, 4, 2**40})) == 2


def test_a_few_bytes_do_not_become_a_large_set():
    with pytest.raises(TooManyNumbers):
        RecordSet(Room(10)).add(bytes_of({n << 16 for n in range(11)}))
