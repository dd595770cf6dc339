"""The source document's SDK section, executed line by line against the real server, in the order of its printing.

What stands there by example (the key, the ids) is put in place; no line is rewritten.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

import xase
from tests.sdk.conftest import MEDICAL_RECORDS as ROWS


@dataclass
class Model:
    """The caller's own model, of which the document shows three names."""

    current_loss: float = 0.0342
    current_accuracy: float = 0.967
    seen: list[str] = field(default_factory=list)

    def train(self, batch: xase.Batch) -> None:
        self.seen += [record.record_id for record in batch]


@pytest.fixture(scope="module")
def blocks(shared):
    """The printed code under "SDK usage", by its first line's comment."""
    (document,) = (shared / "seeds").glob("000_*.txt")
    section = document.read_text().partition("SDK usage\n")[2].partition("\nNext steps\n")[0]
    headings = "Streaming Data|Filtering and Transformations|Working with Aggregations"
    _, *parts = re.split(rf"^(?:{headings})\n", section, flags=re.MULTILINE)
    code = "\n".join(parts)
    starts = list(re.finditer(r"^# [A-Z].*$", code, re.MULTILINE))
    ends = [*(each.start() for each in starts[1:]), len(code)]
    named = {each.group()[2:]: code[each.start() : end] for each, end in zip(starts, ends, strict=True)}
    return {"The client": code[: starts[0].start()], **named}


def test_every_line_of_the_section_is_in_a_block(blocks):
    assert list(blocks) == [
        "The client",
        "Get access session",
        "Stream data for training",
        "Apply filters",
        "Apply transformations",
        "Get specific record",
        "Perform aggregations server-side",
        "Close session when done",
    ]


@pytest.fixture(scope="module")
def names(site, medical_records, tmp_path_factory):
    """What the lines see: nothing but the caller's own model. The server is named as the environment names it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XASE_BASE_URL", site.base_url)
        patch.setenv("XASE_SPOOL", str(tmp_path_factory.mktemp("spool") / "spool.db"))
        found: dict[str, Any] = {"model": Model()}
        yield found
        found["client"].close()


def run(block: str, names: dict[str, Any]) -> None:
    exec(compile(block, "source document 000", "exec"), names)


def test_the_section_runs_as_printed(blocks, names, site, capsys):
    run(blocks["The client"].replace("sk_...", site.api_key), names)
    run(blocks["Get access session"], names)
    assert names["session"].status == "ACTIVE"

    run(blocks["Stream data for training"], names)
    assert names["model"].seen == [row["record_id"] for row in ROWS]
    operations = [event for event in names["session"].events() if event.type == "operation"]
    assert [event.body.operation_type for event in operations] == ["TRAIN"] * 4

    run(blocks["Apply filters"], names)
    expected = [row for row in ROWS if row["age"] >= 65 and row["diagnosis"] == "diabetes"]
    assert capsys.readouterr().out == f"Found {len(expected)} records\n"

    run(blocks["Apply transformations"], names)
    assert len(names["anonymized"]) == len(expected)
    assert not {record.get("patient_id") for record in names["anonymized"]} & {row["patient_id"] for row in ROWS}

    run(blocks["Get specific record"], names)
    assert capsys.readouterr().out == "Patient age: 57, diagnosis: diabetes\n"

    run(blocks["Perform aggregations server-side"], names)
    said = capsys.readouterr().out
    assert "Diagnosis: diabetes\nCount: 50\n" in said
    assert said.count("Average age: ") == 2

    run(blocks["Close session when done"], names)
    assert (names["session"].status, names["session"].reason) == ("TERMINATED", "Analysis complete")


@pytest.mark.parametrize("name", ["session_expired", "access_revoked", "rate_limit_exceeded"])
def test_the_documents_error_answers_are_raised_as_printed(shared, name):
    (document,) = (shared / "seeds").glob("000_*.txt")
    printed = re.search(
        rf'^\{{\n  "error": \{{\n    "type": "{name}".*?^\}}', document.read_text(), re.MULTILINE | re.DOTALL
    )
    from xase._client import wire

    content = printed.group()
    status = {"rate_limit_exceeded": 429}.get(name, 403)
    error = wire.error_of(status, {}, content.encode())
    envelope = json.loads(content)["error"]
    assert type(error) is xase.errors.BY_SLUG[name]
    assert (error.message, error.details, error.request_id) == (
        envelope["message"],
        envelope["details"],
        envelope["request_id"],
    )
