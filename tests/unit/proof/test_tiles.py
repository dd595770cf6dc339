import pytest

from xase.proof.checkpoint import parse_checkpoint, parse_note
from xase.proof.digest import leaf_hash
from xase.proof.merkle import (
    consistency_proof,
    inclusion_proof,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from xase.proof.tiles import (
    TileError,
    decode_entry_bundle,
    encode_entry_bundle,
    entry_bundle_path,
    parse_tile_path,
    tile_node,
    tile_path,
)

LEAVES = [leaf_hash(b"%d" % number) for number in range(256)]


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 999, 256, "tile/0/999"),
        (0, 1000, 256, "tile/0/x001/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (3, 5, 1, "tile/3/005.p/1"),
        (63, 1_000_000_007, 255, "tile/63/x001/x000/x000/007.p/255"),
    ],
)
def test_tile_paths_are_those_of_c2sp(level, number, width, path):
    assert tile_path(level, number, width) == path
    assert parse_tile_path(path) == (level, number, width)


def test_entry_bundle_paths_are_those_of_c2sp():
    assert entry_bundle_path(1234067, 8) == "tile/entries/x001/x234/067.p/8"
    assert parse_tile_path("tile/entries/x001/x234/067.p/8") == (None, 1234067, 8)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/x1/000",
        "tile/0/001/000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/entries/",
        "tile/data/000",
    ],
)
def test_other_paths_are_refused(path):
    with pytest.raises(TileError):
        parse_tile_path(path)


@pytest.mark.parametrize(("number", "width"), [(-1, 256), (0, 0), (0, 257)])
def test_tiles_that_cannot_be_have_no_path(number, width):
    with pytest.raises(TileError):
        tile_path(0, number, width)


def test_entry_bundles_keep_their_entries():
    entries = [b"", b"one", b"x" * 65535]
    data = encode_entry_bundle(entries)
    assert data.startswith(b"\x00\x00\x00\x03one\xff\xff")
    assert decode_entry_bundle(data) == entries
    assert decode_entry_bundle(b"") == []


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x01", b"\x00\x03on", b"\x00\x00\x01"])
def test_an_entry_bundle_that_was_cut_is_refused(data):
    with pytest.raises(TileError):
        decode_entry_bundle(data)


def test_an_entry_that_is_too_long_is_refused():
    with pytest.raises(TileError):
        encode_entry_bundle([b"x" * 65536])


@pytest.mark.parametrize("height", range(9))
def test_a_tile_holds_the_roots_of_its_subtrees(height):
    data = b"".join(LEAVES)
    for index in range(256 >> height):
        assert tile_node(data, height, index) == root_hash(LEAVES[index << height : (index + 1) << height])


@pytest.mark.parametrize(("height", "index"), [(0, 5), (1, 2), (3, 0), (9, 0), (0, -1), (-1, 0)])
def test_a_partial_tile_lacks_what_it_does_not_hold(height, index):
    with pytest.raises(TileError):
        tile_node(b"".join(LEAVES[:5]), height, index)


class TestThePreBuiltLog:
    """A whole log that another implementation wrote: checkpoints, tiles, entries, and proofs between them."""

    @pytest.fixture
    def folder(self, shared):
        return shared / "vectors/tlog/log"

    @pytest.fixture
    def entries(self, folder):
        return decode_entry_bundle((folder / "tile/entries/000.p/15").read_bytes())

    def head(self, folder, size):
        return parse_checkpoint(parse_note((folder / f"checkpoint.{size}").read_text()).body)

    def test_every_checkpoint_has_the_root_of_its_entries(self, folder, entries):
        leaves = list(map(leaf_hash, entries))
        for size in range(16):
            head = self.head(folder, size)
            assert (head.origin, head.size) == ("example.com/log/testdata", size)
            assert head.root == root_hash(leaves[:size])
        assert (folder / "checkpoint").read_text() == (folder / "checkpoint.15").read_text()

    def test_every_tile_is_made_again(self, folder, entries):
        for width in range(1, 16):
            path = folder / entry_bundle_path(0, width)
            assert path.read_bytes() == encode_entry_bundle(entries[:width])
            tile = (folder / tile_path(0, 0, width)).read_bytes()
            assert tile == b"".join(map(leaf_hash, entries[:width]))

    def test_proofs_from_its_tiles_hold(self, folder, entries):
        tile = (folder / tile_path(0, 0, 15)).read_bytes()

        def read(level, index):
            return tile_node(tile, level, index)

        for size in range(1, 16):
            root = self.head(folder, size).root
            for index in range(size):
                verify_inclusion(leaf_hash(entries[index]), index, size, inclusion_proof(index, size, read), root)
            for first in range(1, size + 1):
                proof = consistency_proof(first, size, read)
                verify_consistency(first, size, proof, self.head(folder, first).root, root)
