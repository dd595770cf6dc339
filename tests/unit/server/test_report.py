"""The report of a bundle: one account, which page and paper both tell in full."""

import json
import subprocess
import sys
from typing import get_args

import pytest

from xase_server.services.report import page, paper
from xase_server.services.report.blocks import (
    Account,
    Bars,
    Block,
    Chapter,
    Code,
    Commands,
    Kind,
    Lanes,
    Numbers,
    Paragraph,
    Path,
    Rules,
    Section,
    Strong,
    Table,
)
from xase_server.services.report.story import SHOWN, Story
from xase_server.services.report.telling import tell
from xase_server.services.report.typefaces import marked

FACTS = {
    "bundle_id": "bundle_0000000000000000",
    "created_at": "2026-01-01T00:00:00.000Z",
    "purpose": "audit",
    "title": "A title",
    "tree_size": 7,
    "log": "xase.example/log",
}
HARD = "Łódź Ελλάδα Ω 漢字 🙂 \x00\x1b\u202e <b>&amp;</b> <para> {{ 1 }} ]]> \ud7ff" + "x" * 60


def every_block(text: str) -> list[Block]:
    return [
        Paragraph((text, Strong(text), Code(text))),
        Paragraph((text,), soft=True),
        Numbers(((text, text), ("n", "1"))),
        Path(((text, text), ("b", "c"))),
        Bars(text, ((text, 3), ("b", 0)), (text, "b")),
        Lanes(text, ((text[:20], (0, 1, 2)),), ("a", text)),
        Table(((text, Kind.TEXT), ("c", Kind.CODE), ("n", Kind.NUMBER)), ((text, text, "1"),) * 8, 9),
        Rules(((text, (text, text)), (text, ()))),
        Commands((text,)),
    ]


def account(text: str = "text") -> Account:
    blocks = every_block(text)
    return Account("bundle_0", text, (text,), blocks, [Chapter((text,), blocks, [Section(text, blocks)])])


def decision(number: int, **body: object) -> bytes:
    entry = {
        "type": "decision",
        "id": f"rec_{number}",
        "index": number,
        "time": f"2026-01-{number % 28 + 1:02}T00:00:00.000Z",
        "stream": "decisions/org",
        "actor": {"organisation": "org"},
        "body": {"model_id": "m", **body},
    }
    return json.dumps(entry).encode()


def test_every_kind_of_block_is_tried_here():
    assert {type(block) for block in every_block("x")} == set(get_args(Block))


@pytest.mark.parametrize("text", ["plain", HARD])
def test_page_and_paper_set_every_block_whatever_the_text(text):
    shown = page.as_page(account(text)).decode()
    assert "<b>&amp;</b>" not in shown
    assert paper.as_paper(account(text)).startswith(b"%PDF-")


def test_paper_is_the_same_bytes_in_another_process_at_another_time():
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.unit.server.test_report import HARD, account\n"
        "from xase_server.services.report.paper import as_paper\n"
        "sys.stdout.buffer.write(as_paper(account(HARD)))"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    assert other == paper.as_paper(account(HARD)) == paper.as_paper(account(HARD))


def test_what_the_typeface_lacks_is_named_by_its_code_point():
    assert marked("Łódź 🙂 α\n✓ <b>") == "Łódź [U+1F642] α ✓ &lt;b&gt;"
    assert marked("\x1b[2J") == "[U+001B][2J"
    assert marked("\ue000\ud800") == "[U+E000][U+D800]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("漢字 & α", '<font face="STSong-Light">漢字</font> &amp; α'),
        ("漢字かな", '<font face="HeiseiMin-W3">漢字かな</font>'),
        ("한국 漢字", '<font face="HYSMyeongJo-Medium">한국</font> <font face="HYSMyeongJo-Medium">漢字</font>'),
        ("简かな", '<font face="STSong-Light">简</font><font face="HeiseiMin-W3">かな</font>'),
    ],
)
def test_the_east_is_set_in_the_typeface_of_the_language_that_the_text_shows(text, shown):
    assert marked(text) == shown


def test_the_document_names_the_typefaces_of_the_east_that_it_uses_and_no_others():
    paper_of = {text: paper.as_paper(account(text)) for text in ("plain", "漢字", "かな", "한국")}
    names = (b"STSong-Light", b"HeiseiMin-W3", b"HYSMyeongJo-Medium")
    used = {text: [name for name in names if b"/BaseFont /" + name in made] for text, made in paper_of.items()}
    assert used == {"plain": [], "漢字": [names[0]], "かな": [names[1]], "한국": [names[2]]}


def test_tables_show_the_first_rows_and_say_how_many_there_are():
    story = Story.of(decision(number) for number in range(SHOWN + 20))
    assert (len(story.decisions.entries), story.decisions.total) == (SHOWN, SHOWN + 20)
    shown = page.as_page(tell(FACTS, (decision(number) for number in range(SHOWN + 20)))).decode()
    assert "The first 500 of 520" in shown
    assert f"rec_{SHOWN - 1}" in shown
    assert f"rec_{SHOWN}<" not in shown


def test_a_bundle_of_nothing_has_a_report_too():
    for told in (tell(FACTS, []), tell(FACTS, [], {"session": {"sessions": []}, "usage": {"sessions": []}})):
        assert b"Check it yourself" in page.as_page(told)
        assert paper.as_paper(told)


def test_confidence_is_drawn_where_there_is_any():
    assert b"Confidence</h3>" in page.as_page(tell(FACTS, [decision(1, confidence=1.0), decision(2, confidence=0)]))
    assert b"Confidence</h3>" not in page.as_page(tell(FACTS, [decision(1)]))
