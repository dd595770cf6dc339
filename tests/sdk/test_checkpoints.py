"""What a client remembers of a log, and what it makes of a log that changed its story."""

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

import xase
from xase._client.checkpoints import Memories, Memory, gap_between, open_note
from xase.proof.checkpoint import Checkpoint, sign_checkpoint
from xase.proof.digest import leaf_hash
from xase.proof.keys import LogSigner
from xase.proof.merkle import CompactRange, consistency_proof, root_hash

ORIGIN = "xase.test/log"
SIGNER = LogSigner.generate(ORIGIN)
LEAVES = [leaf_hash(b"%d" % n) for n in range(40)]
SERVER = "http://host"


def node(level, index):
    return root_hash(LEAVES[index << level : (index + 1) << level])


def note(size, *, leaves=LEAVES, signer=SIGNER, origin=ORIGIN):
    tree = CompactRange()
    tree.extend(leaves[:size])
    return sign_checkpoint(Checkpoint(origin, size, tree.root()), [signer])


@pytest.fixture
def memory():
    return Memory(SIGNER.vkey, note(10))


def test_a_note_of_a_trusted_key_is_opened(memory):
    assert open_note(note(20), memory).size == 20


def test_a_note_of_an_unknown_key_is_refused(memory):
    with pytest.raises(xase.UntrustedKey):
        open_note(note(20, signer=LogSigner.generate(ORIGIN)), memory)


def test_the_first_checkpoint_has_nothing_to_be_compared_with():
    first = Memory(SIGNER.vkey)
    assert gap_between(first, open_note(note(10), first), note(10)) is None


def test_the_same_checkpoint_again_needs_no_proof(memory):
    assert gap_between(memory, open_note(note(10), memory), note(10)) is None


@given(st.integers(1, 40), st.integers(1, 40))
def test_an_honest_log_closes_every_gap(remembered, shown):
    memory = Memory(SIGNER.vkey, note(remembered))
    gap = gap_between(memory, open_note(note(shown), memory), note(shown))
    if gap is None:
        assert remembered == shown
    else:
        gap.close(consistency_proof(gap.earlier.size, gap.later.size, node))


@given(st.integers(1, 39).flatmap(lambda first: st.tuples(st.just(first), st.integers(first + 1, 40))), st.data())
def test_a_rewritten_log_closes_no_gap(sizes, data):
    first, second = sizes
    place = data.draw(st.integers(0, first - 1))
    rewritten = [*LEAVES[:place], leaf_hash(b"other"), *LEAVES[place + 1 :]]
    memory = Memory(SIGNER.vkey, note(first))
    shown = note(second, leaves=rewritten)
    gap = gap_between(memory, open_note(shown, memory), shown)

    def rewritten_node(level, index):
        return root_hash(rewritten[index << level : (index + 1) << level])

    assert gap is not None
    with pytest.raises(xase.LedgerForked) as caught:
        gap.close(consistency_proof(first, second, rewritten_node))
    assert (caught.value.remembered, caught.value.shown) == (memory.note, shown)


def test_two_roots_for_one_size_are_a_fork(memory):
    other = note(10, leaves=[leaf_hash(b"other"), *LEAVES[1:]])
    with pytest.raises(xase.LedgerForked, match="two roots"):
        gap_between(memory, open_note(other, memory), other)


def test_another_log_at_the_same_address_is_a_fork():
    other = LogSigner.generate("xase.test/other")
    memory = Memory(f"{SIGNER.vkey}\n{other.vkey}", note(10))
    shown = note(20, signer=other, origin="xase.test/other")
    with pytest.raises(xase.LedgerForked, match="the log xase"):
        gap_between(memory, open_note(shown, memory), shown)


@pytest.fixture(params=["in memory", "in a file"])
def memories(request, tmp_path):
    return Memories(tmp_path / "state" / "seen.json" if request.param == "in a file" else None)


def keep(memories, size):
    text = note(size)
    memories.keep(SERVER, text, open_note(text, Memory(SIGNER.vkey)))


def test_only_the_newest_checkpoint_is_kept(memories):
    memories.trust(SERVER, SIGNER.vkey)
    for size in (5, 20, 10):
        keep(memories, size)
    assert memories.get(SERVER) == Memory(SIGNER.vkey, note(20))


def test_keys_that_are_trusted_stay_trusted(memories):
    memories.trust(SERVER, SIGNER.vkey)
    assert memories.trust(SERVER, "another key").keys == SIGNER.vkey


def test_keys_that_the_caller_gives_replace_them_and_what_was_seen_stays(memories):
    memories.trust(SERVER, SIGNER.vkey)
    keep(memories, 10)
    assert memories.trust_instead(SERVER, "given") == Memory("given", note(10)) == memories.get(SERVER)


def test_servers_are_told_apart(memories):
    memories.trust(SERVER, SIGNER.vkey)
    assert memories.get("http://elsewhere") is None


def test_the_memory_outlives_the_process(tmp_path):
    path = tmp_path / "seen.json"
    first = Memories(path)
    first.trust(SERVER, SIGNER.vkey)
    keep(first, 10)
    assert Memories(path).get(SERVER) == Memory(SIGNER.vkey, note(10))


def test_two_processes_share_what_they_see(tmp_path):
    one, other = Memories(tmp_path / "seen.json"), Memories(tmp_path / "seen.json")
    one.trust(SERVER, SIGNER.vkey)
    keep(one, 20)
    keep(other, 10)
    assert one.get(SERVER) == Memory(SIGNER.vkey, note(20))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 2, "logs": {}}', b'{"version": 1}', b"\xff"])
def test_a_store_that_cannot_be_read_is_never_silently_begun_anew(tmp_path, content):
    path = tmp_path / "seen.json"
    path.write_bytes(content)
    with pytest.raises(xase.ConfigurationError):
        Memories(path).get(SERVER)
    assert path.read_bytes() == content


def test_the_store_is_replaced_whole(tmp_path):
    path = tmp_path / "seen.json"
    Memories(path).trust(SERVER, SIGNER.vkey)
    assert json.loads(path.read_text())["logs"][SERVER] == {"keys": SIGNER.vkey, "checkpoint": ""}
    assert not list(tmp_path.glob("*.part"))
    assert stat.S_ISREG(path.stat().st_mode)
