from xase.proof.report import EXIT_CODES, STEPS, Finding, Report, Severity, Verdict, printable


def report(verdict=Verdict.FAILED, **facts):
    finding = Finding(4, Severity.ERROR, "entry 3 (rec_1)", "does not name the hash")
    return Report(verdict, [finding], facts, ["A thing."], ["Another."])


def test_each_verdict_has_its_exit_code():
    assert EXIT_CODES == {Verdict.VERIFIED: 0, Verdict.UNWITNESSED: 0, Verdict.FAILED: 6, Verdict.NOT_JUDGED: 7}
    assert [verdict.value for verdict in EXIT_CODES] == ["VERIFIED", "VERIFIED, UNWITNESSED", "FAILED", "NOT JUDGED"]


def test_there_are_ten_steps():
    assert len(STEPS) == 10


def test_a_report_is_text_for_people():
    text = report(log="xase.example/log").to_text()
    assert text.splitlines()[0] == "FAILED"
    assert "step 4 (stream links and sequence), error: entry 3 (rec_1): does not name the hash" in text
    assert text.endswith("Another.\n")


def test_a_report_is_data_for_programs():
    assert report(entries=3).to_dict() == {
        "verdict": "FAILED",
        "exit_code": 6,
        "findings": [
            {
                "step": 4,
                "step_name": "stream links and sequence",
                "severity": "error",
                "place": "entry 3 (rec_1)",
                "message": "does not name the hash",
            }
        ],
        "facts": {"entries": 3},
        "proven": ["A thing."],
        "cannot_know": ["Another."],
    }


def test_what_a_bundle_says_cannot_move_the_cursor():
    assert printable("a\x1b[2J\u202eb\n") == "a\\u001b[2J\\u202eb\\u000a"
    assert "\x1b" not in report(log="\x1b[2JVERIFIED").to_text()
