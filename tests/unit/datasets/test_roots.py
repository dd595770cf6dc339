import os

import pytest

from xase_server.datasets.roots import Roots
from xase_server.domain.errors import Refused


@pytest.fixture
def roots(tmp_path):
    for name in ("data", "lake", "outside"):
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "below" / "file.csv").write_text("a\n1\n")
    (tmp_path / "data" / "link.csv").symlink_to(tmp_path / "data" / "below" / "file.csv")
    (tmp_path / "data" / "folder").symlink_to(tmp_path / "outside" / "below")
    os.mkfifo(tmp_path / "data" / "pipe")
    return Roots({"data": tmp_path / "data", "lake": tmp_path / "lake"})


def test_a_path_is_below_the_root_it_names_or_the_default(roots, tmp_path):
    assert roots.resolve("lake/below/file.csv") == tmp_path / "lake" / "below" / "file.csv"
    assert roots.resolve("data/below/file.csv") == tmp_path / "data" / "below" / "file.csv"
    assert roots.resolve("below/file.csv") == tmp_path / "data" / "below" / "file.csv"


@pytest.mark.parametrize(
    "source",
    [
        "", ".", "..", "/", "data", "data/", "lake", "data/below", "below/", "//below/file.csv", "below//file.csv",
        "../outside/below/file.csv", "data/../outside/below/file.csv", "below/../below/file.csv", "./below/file.csv",
        "/etc/passwd", "data//etc/passwd", "data/missing.csv", "other/below/file.csv", "data/link.csv",
        "data/folder/file.csv", "data/pipe", "below/*.csv", "below/file.cs?", "below/[f]ile.csv", "below\\file.csv",
        "below/file.csv\0", "below/file.csv\n", "file:///etc/passwd", "http://localhost/x.csv", "s3://bucket/x.parquet",
        "~/x.csv", "~root/x.csv", "C:/x.csv", "x" * 5000, "below/\ud800.csv", "below/file.csv/x",
    ],
)  # fmt: skip
def test_whatever_else_is_refused_alike(roots, source):
    with pytest.raises(Refused) as refused:
        roots.resolve(source)
    assert refused.value.kind.slug == "validation_error"
    assert refused.value.details == [{"field": "source", "message": "No such file under a storage root"}]


def test_an_unreadable_file_is_refused_alike(roots, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (tmp_path / "data" / "below" / "file.csv").chmod(0)
    with pytest.raises(Refused):
        roots.resolve("below/file.csv")


def test_without_a_default_root_a_path_needs_its_root(tmp_path):
    (tmp_path / "file.csv").write_text("a\n1\n")
    roots = Roots({"lake": tmp_path})
    assert roots.resolve("lake/file.csv") == tmp_path / "file.csv"
    with pytest.raises(Refused):
        roots.resolve("file.csv")
