import io
import zipfile

import pytest

from xase.proof.archive import ArchiveError, Limits, Unreadable, read_archive, write_archive

FILES = {"b/c.txt": b"x" * 100, "a.txt": b"hello", "empty": b""}
LIMITS = Limits()
DATA = write_archive(FILES)


def test_an_archive_is_read_as_it_was_written():
    archive = read_archive(DATA, LIMITS)
    assert archive.files == FILES
    assert archive.damaged == ()


def test_other_zip_readers_read_it():
    with zipfile.ZipFile(io.BytesIO(DATA)) as other:
        assert other.testzip() is None
        assert {name: other.read(name) for name in other.namelist()} == FILES
        assert {info.date_time for info in other.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_order_of_files_does_not_matter():
    assert write_archive(dict(reversed(FILES.items()))) == DATA
    assert read_archive(DATA, LIMITS).files.keys() == {*FILES}


def test_an_archive_may_be_empty():
    assert read_archive(write_archive({}), LIMITS).files == {}


def test_every_single_bit_matters():
    """A plain zip reader passes over thousands of these."""
    for place in range(len(DATA) * 8):
        changed = bytearray(DATA)
        changed[place // 8] ^= 1 << place % 8
        try:
            assert read_archive(bytes(changed), LIMITS).damaged
        except (ArchiveError, Unreadable):
            continue


def test_damage_is_named():
    changed = DATA.replace(b"hello", b"hullo")
    archive = read_archive(changed, LIMITS)
    assert archive.damaged == ("a.txt",)
    assert archive.files["a.txt"] == b"hullo"


@pytest.mark.parametrize("cut", range(1, len(DATA), 7))
def test_a_cut_archive_is_refused(cut):
    with pytest.raises((Unreadable, ArchiveError)):
        read_archive(DATA[:cut], LIMITS)


@pytest.mark.parametrize("data", [b"", b"PK", b"text" * 20, b"\x1f\x8b" + bytes(40)])
def test_what_is_no_zip_is_unreadable(data):
    with pytest.raises(Unreadable, match="not a zip"):
        read_archive(data, LIMITS)


@pytest.mark.parametrize("extra", [b"\x00", b"PK\x05\x06" + bytes(18), b"comment"])
def test_nothing_may_follow(extra):
    with pytest.raises((Unreadable, ArchiveError)):
        read_archive(DATA + extra, LIMITS)


def test_an_archive_by_another_writer_is_refused():
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as other:
            for name, data in sorted(FILES.items()):
                other.writestr(name, data)
        with pytest.raises(ArchiveError):
            read_archive(out.getvalue(), LIMITS)


@pytest.mark.parametrize(
    "name", ["", "/x", "../x", "a/../b", "a//b", "a/", ".hidden", "a\\b", "C:x", "é", "a b", "a\x00", "-x", "a/.b"]
)
def test_names_that_are_no_plain_paths_are_not_written(name):
    with pytest.raises(ArchiveError):
        write_archive({name: b""})


def test_limits_hold():
    with pytest.raises(Unreadable, match="larger than"):
        read_archive(DATA, Limits(max_bytes=len(DATA) - 1))
    with pytest.raises(Unreadable, match="more than"):
        read_archive(DATA, Limits(max_files=2))
    with pytest.raises(ArchiveError, match="too long"):
        read_archive(DATA, Limits(max_name_bytes=6))


def test_a_directory_that_points_beyond_the_end_is_refused():
    changed = bytearray(DATA)
    changed[-6:-2] = (2**31).to_bytes(4, "little")
    with pytest.raises(Unreadable):
        read_archive(bytes(changed), LIMITS)


def test_members_that_share_bytes_are_refused():
    """Overlapping members would make a small file large."""
    one = write_archive({"a": b"x" * 50, "b": b"x" * 50})
    at = one.rindex(b"PK\x01\x02")
    changed = one[: at + 42] + bytes(4) + one[at + 46 :]
    with pytest.raises(ArchiveError, match="does not lie"):
        read_archive(changed, LIMITS)
