import pytest

from xase_server.datasets import Bounds
from xase_server.ports.datasets import IngestProblem


def columns(make, *texts: str):
    """A version with one column `x` of these texts, beside one that keeps a row from being blank."""
    return make("x,n\n" + "".join(f"{text},1\n" for text in texts), "data.csv")


@pytest.mark.parametrize(
    ("texts", "type_", "values"),
    [
        (["1", "", "-20"], "int", [1, None, -20]),
        (["9223372036854775807", "0"], "int", [9223372036854775807, 0]),
        (["9223372036854775808", "0"], "string", ["9223372036854775808", "0"]),
        (["12345678901234567890"], "string", ["12345678901234567890"]),
        (["12345678901234567890", "1.5"], "string", ["12345678901234567890", "1.5"]),
        (["007", "12"], "string", ["007", "12"]),
        (["00.5"], "string", ["00.5"]),
        (["0.5", "1", ".25", "-1e3", "2.5E-2"], "float", [0.5, 1.0, 0.25, -1000.0, 0.025]),
        (["1e999"], "string", ["1e999"]),
        (["nan"], "string", ["nan"]),
        (["true", "False", ""], "bool", [True, False, None]),
        (["true", "1"], "string", ["true", "1"]),
        (["1", "x"], "string", ["1", "x"]),
        (["+1", "2"], "string", ["+1", "2"]),
        (["-0", "2"], "float", [-0.0, 2.0]),
        (["1 ", "2"], "string", ["1 ", "2"]),
        (["", ""], "null", [None, None]),
        (["2025-01-15"], "string", ["2025-01-15"]),
    ],
    ids=str,
)
def test_a_column_has_the_narrowest_type_of_all_its_texts(make, texts, type_, values):
    made = columns(make, *texts)
    assert made.types["x"] == type_
    assert [row.get("x") for row in made.rows] == values


def test_a_last_line_of_another_kind_decides(make):
    made = columns(make, *["7"] * 100_000, "x7")
    assert made.types["x"] == "string"
    assert made.row(-1)["x"] == "x7"
    assert made.row(0)["x"] == "7"


def test_quoting_is_that_of_rfc_4180(make):
    made = make('a,"b ""c"""\r\n"1,2","line\r\nbreak"\r\n"say ""hi""",\r\n', "data.csv")
    assert made.rows == [{"a": "1,2", 'b "c"': "line\r\nbreak"}, {"a": 'say "hi"'}]


def test_a_byte_order_mark_is_no_part_of_the_first_name(make):
    assert make(b"\xef\xbb\xbfa,b\n1,2\n", "data.csv").types == {"a": "int", "b": "int"}


def test_a_header_alone_is_a_version_without_rows(make):
    made = make("a,b\n", "data.csv")
    assert made.found.rows == 0
    assert made.types == {"a": "null", "b": "null"}
    assert made.version.rows == 0
    assert made.version.number_of("x") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3\n", "Line 3 has 1 fields, the header 2"),
        ("a,b\n1,2,secret\n", "Line 2 has 3 fields, the header 2"),
        ('a,b\n"x\ny",2\n1\n', "Line 4 has 1 fields"),
        ("a,,c\n1,2,3\n", "names no column 2"),
        ("a,b,a\n1,2,3\n", "Columns 1 and 3"),
        ("a,A\n1,2\n", "the same"),
        ("a.b,c\n1,2\n", "full stop"),
        ('a,b\n"secret,2\n', "Line 2"),
        ('a,b\n1,"se"cret\n', "Line 2"),
        ("\n\n", "no header"),
    ],
    ids=str,
)
def test_what_is_no_table_is_refused_by_its_line(make, text, words):
    with pytest.raises(IngestProblem) as refused:
        make(text, "data.csv")
    assert words in refused.value.message
    assert "secret" not in refused.value.message


def test_text_that_is_not_utf_8_is_refused_by_its_line(make):
    with pytest.raises(IngestProblem, match="Line 3 is not UTF-8"):
        make(b"a,b\n1,2\n\xff,1\n", "data.csv")


def test_a_field_or_line_without_end_is_refused(make):
    for text in ("a\n" + "x" * 3_000_000, 'a\n"' + "x\n" * 3_000_000):
        with pytest.raises(IngestProblem, match="Line"):
            make(text, "data.csv", bounds=Bounds(line_bytes=1 << 20))


def test_too_many_columns_are_refused(make):
    with pytest.raises(IngestProblem) as refused:
        make(",".join(f"c{n}" for n in range(10_001)), "data.csv")
    assert refused.value.too_large
