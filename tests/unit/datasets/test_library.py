import shutil
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.files import write
from xase_server.datasets import Bounds
from xase_server.ports import Library, Version
from xase_server.ports.datasets import Ingest, IngestProblem, Progress, VersionUnavailable
from xase_server.query.parse import parse_filter

ROWS = [
    {"record_id": f"r{n}", "age": n, "tags": ["a", str(n)], "lab": {"glucose": n / 2}, "site": n % 3}
    for n in range(300)
]


def test_a_registered_file_is_a_version_with_rows_ids_and_an_engine(library, ingest):
    found = ingest(ROWS)
    assert found.rows == 300
    assert found.digest.startswith("sha256:")
    version: Version = library.open("ds_test", 1)
    assert version.rows == 300
    assert version.slice(10, 12).to_pylist() == ROWS[10:12]
    assert version.take(np.array([299, 0]), ["record_id", "age"]).to_pylist() == [
        {"record_id": "r299", "age": 299},
        {"record_id": "r0", "age": 0},
    ]
    assert version.number_of("r42") == 42
    query = parse_filter({"age": {"$gte": 297}}, version.schema)
    assert version.engine.count(query) == 3


def test_it_is_what_the_port_promises(library):
    checked: Library = library
    assert checked is library


def test_progress_is_told_and_never_beyond_the_whole(library, tmp_path):
    told: list[Progress] = []
    source = write(tmp_path / "sources" / "big.csv", "a,b\n" + "1,two\n" * 2_000_000)
    wish = Ingest(dataset_id="ds_test", number=1, source=source)
    library.ingest(wish, told.append, lambda: False)
    assert told
    assert all(0 <= each.bytes <= each.total_bytes == source.stat().st_size for each in told)


def test_a_cancelled_ingest_leaves_nothing(library, tmp_path):
    source = write(tmp_path / "sources" / "data.ndjson", ROWS)
    with pytest.raises(IngestProblem, match="cancelled"):
        library.ingest(Ingest(dataset_id="ds_test", number=1, source=source), lambda progress: None, lambda: True)
    assert left(tmp_path) == []


def left(tmp_path):
    root = tmp_path / "datasets"
    return sorted(str(each.relative_to(root)) for each in root.rglob("*") if each.is_file())


def test_a_bomb_ends_its_own_process_only(open_library, tmp_path):
    library = open_library(Bounds(memory_bytes=300 << 20))
    table = pa.table({"a": pa.repeat("x" * 100_000_000, 4)})
    source = tmp_path / "sources" / "bomb.parquet"
    pq.write_table(table, source, compression="zstd")
    assert source.stat().st_size < 1 << 20
    with pytest.raises(IngestProblem) as refused:
        library.ingest(Ingest(dataset_id="ds_test", number=1, source=source), lambda progress: None, lambda: False)
    assert refused.value.too_large
    assert left(tmp_path) == []


def test_a_version_that_was_never_made_is_unavailable(library):
    with pytest.raises(VersionUnavailable):
        library.open("ds_test", 1)


@pytest.mark.parametrize(
    "name", ["rows.arrow", "ids.bin", "codes.bin", "values.arrow", "records.duckdb", "caches.json"]
)
@pytest.mark.parametrize("how", ["missing", "cut"])
def test_what_lies_beside_the_truth_is_rebuilt(library, ingest, tmp_path, name, how):
    ingest(ROWS)
    file = tmp_path / "datasets" / "ds_test" / "v1" / name
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:10])
    version = library.open("ds_test", 1)
    assert version.slice(0, 300).to_pylist() == ROWS
    assert version.numbers_of(["r299", "x"]) == [299, None]
    assert version.numbered("site").codes.tolist() == [n % 3 for n in range(300)]
    assert version.engine.count(parse_filter({"tags": "7"}, version.schema)) == 1


@pytest.mark.parametrize("name", ["data.parquet", "found.json"])
def test_a_version_without_its_truth_is_unavailable(library, ingest, tmp_path, name):
    ingest(ROWS)
    file = tmp_path / "datasets" / "ds_test" / "v1" / name
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(VersionUnavailable):
        library.open("ds_test", 1)


def test_a_repeated_ingest_replaces_what_was_there(library, ingest):
    ingest(ROWS)
    assert library.open("ds_test", 1).rows == 300
    ingest(ROWS[:5])
    assert library.open("ds_test", 1).rows == 5


def test_sweeping_keeps_what_is_known(library, ingest, tmp_path):
    for number in (1, 2):
        ingest(ROWS, number=number)
    library.incoming().write_bytes(b"half an upload")
    shutil.copytree(tmp_path / "datasets" / "ds_test" / "v1", tmp_path / "datasets" / ".building" / "x" / "version")
    library.sweep(lambda dataset, number: (dataset, number) == ("ds_test", 2))
    assert {each.split("/")[0] + "/" + each.split("/")[1] for each in left(tmp_path)} == {"ds_test/v2"}
    assert library.open("ds_test", 2).rows == 300


def test_a_discarded_version_is_gone_for_its_readers_too(library, ingest, tmp_path):
    ingest(ROWS)
    version = library.open("ds_test", 1)
    kept = version.slice(0, 2)
    library.discard("ds_test", 1)
    with pytest.raises(VersionUnavailable):
        version.slice(0, 1)
    with pytest.raises(VersionUnavailable):
        _ = version.engine
    assert version.numbered("site") is None
    with pytest.raises(VersionUnavailable):
        library.open("ds_test", 1)
    assert kept.to_pylist() == ROWS[:2]
    assert left(tmp_path) == []


def test_many_threads_share_one_opened_version(library, ingest):
    ingest(ROWS)
    found = []
    threads = [threading.Thread(target=lambda: found.append(library.open("ds_test", 1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1


def test_names_that_are_no_folder_are_refused(library):
    for name in ("..", "a/b", "", ".building", "x" * 200):
        with pytest.raises(ValueError, match="not the name"):
            library.open(name, 1)


def test_a_file_that_is_a_link_is_not_followed(library, tmp_path):
    (tmp_path / "sources" / "link.csv").symlink_to("/etc/hostname")
    wish = Ingest(dataset_id="ds_test", number=1, source=tmp_path / "sources" / "link.csv")
    with pytest.raises(IngestProblem, match="cannot be opened"):
        library.ingest(wish, lambda progress: None, lambda: False)


def test_a_version_of_more_bytes_than_allowed_is_too_large(open_library, tmp_path):
    library = open_library(Bounds(written_bytes=200_000))
    source = write(tmp_path / "data.csv", "a\n" + "".join(f"some text {n}\n" for n in range(50_000)))
    with pytest.raises(IngestProblem) as refused:
        library.ingest(Ingest(dataset_id="ds_test", number=1, source=source), lambda progress: None, lambda: False)
    assert refused.value.too_large
    assert left(tmp_path) == []


def test_a_rebuilt_cache_does_not_disturb_who_has_the_old_one_mapped(library, open_library, ingest, tmp_path):
    ingest(ROWS)
    kept = open_library().open("ds_test", 1)
    (tmp_path / "datasets" / "ds_test" / "v1" / "caches.json").unlink()
    assert library.open("ds_test", 1).slice(0, 300).to_pylist() == ROWS
    assert kept.slice(0, 300).to_pylist() == ROWS
    assert kept.engine.count(parse_filter({"tags": "7"}, kept.schema)) == 1
