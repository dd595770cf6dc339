import pytest

from scripts.vectorlog import STREAM
from xase.proof.canonical import canonical, parse_canonical
from xase.proof.chain import GENESIS, ChainError, Link, Walk, follow, verify_chain
from xase.proof.digest import leaf_hash
from xase.proof.entry import EntryError, parse_entry


def entries(log):
    return [parse_entry(raw) for raw in log.raws]


def test_a_stream_is_followed_from_its_beginning(log):
    every = entries(log)
    assert verify_chain(every) == Link(4, every[-1].hash)


def test_a_stream_is_followed_from_the_middle(log):
    every = entries(log)
    assert verify_chain(every[2:], Link(2, every[1].hash)) == verify_chain(every)


def test_nothing_follows_nothing():
    assert verify_chain([]) == GENESIS


def test_a_gap_is_refused(log):
    every = entries(log)
    with pytest.raises(ChainError, match="sequence 2, expected 1"):
        verify_chain([every[0], every[2]])


def test_an_entry_that_names_another_predecessor_is_refused(log):
    every = entries(log)
    with pytest.raises(ChainError, match="does not name the hash"):
        follow(Link(2, every[0].hash), every[2])


def test_an_entry_of_another_stream_is_refused(log):
    log.decide("rec_00000000000000aa", stream="decisions/org_other")
    with pytest.raises(ChainError, match="another stream"):
        verify_chain(entries(log))


def walk_all(log, raws=None):
    walk = Walk(log.origin)
    return [walk.step(raw) for raw in (log.raws if raws is None else raws)], walk


def test_a_whole_log_is_walked(log):
    log.decide("rec_00000000000000aa", stream="decisions/org_other")
    leaves, walk = walk_all(log)
    assert leaves == [leaf_hash(raw) for raw in log.raws]
    assert walk.index == 5
    assert {stream: link.sequence for stream, link in walk.links.items()} == {STREAM: 4, "decisions/org_other": 1}


def test_a_walk_begins_anywhere(log):
    _, before = walk_all(log, log.raws[:2])
    later = Walk(log.origin, index=before.index, time=before.time, links=before.links)
    assert [later.step(raw) for raw in log.raws[2:]] == [leaf_hash(raw) for raw in log.raws[2:]]


def test_entries_of_other_forms_are_walked_too(log):
    fields = parse_canonical(log.raws[0]) | {"zone": {"index": 9}, "id": 'rec_"quoted"'}
    assert Walk(log.origin).step(canonical(fields)) == leaf_hash(canonical(fields))


def test_a_body_that_looks_like_an_end_is_not_taken_for_it(log):
    """The place is read from the end; the body may say anything."""
    tail = log.raws[3][log.raws[3].index(b',"index":') :]
    fields = parse_canonical(log.raws[0]) | {"body": {"x": tail.decode(), "y": parse_canonical(log.raws[3])}}
    walk = Walk(log.origin)
    walk.step(canonical(fields))
    assert walk.index == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"index": 7}, "found index 7"),
        ({"log": "other.example/log"}, "of log other.example/log"),
        ({"sequence": 5}, "has sequence 5"),
        ({"previous_hash": f"sha256:{'5' * 64}"}, "does not name the hash"),
        ({"time": "2025-01-15T11:59:59.999Z"}, "the clock runs back"),
    ],
    ids=["index", "log", "sequence", "link", "time"],
)
def test_a_walk_stops_where_something_is_wrong(log, change, said):
    _, walk = walk_all(log, log.raws[:2])
    wrong = canonical(parse_canonical(log.raws[2]) | change)
    with pytest.raises(ChainError, match=said):
        walk.step(wrong)
    assert walk.step(log.raws[2]) == leaf_hash(log.raws[2])


@pytest.mark.parametrize("raw", [b"", b"{}", b"text"])
def test_a_walk_over_no_entry_is_refused(raw, log):
    with pytest.raises(EntryError):
        Walk(log.origin).step(raw)
