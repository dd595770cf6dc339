"""The demonstration, as a newcomer sees it; and its parts that need no server."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from xase.cli.demo.forgery import overstate
from xase.cli.demo.model import Cases, Triage
from xase.proof.archive import write_archive

XASE = Path(sys.executable).with_name("xase")
LAST_STEP = "And the patient who withdrew: which decisions did they touch[?]"
LAST_LINE = "Read on: docs/tutorial/first-session.md"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Seen:
    """A demonstration that has ended but for its server, which goes on."""

    text: str
    folder: Path
    address: str
    process: "subprocess.Popen[str]"

    def step(self, title: str) -> str:
        """What a step said."""
        found = re.search(rf"^ *\d+  {title}$(.*?)^ *\d+\.\d s *$", self.text, re.MULTILINE | re.DOTALL)
        assert found, self.text
        return found[1]


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> Iterator[Seen]:
    """One demonstration for all tests, with `--keep`."""
    place = tmp_path_factory.mktemp("demo")
    process = subprocess.Popen(
        [XASE, "demo", "--keep"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(place), "COLUMNS": "160"},
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if LAST_LINE in line:
            break
    text = "".join(lines)
    assert LAST_LINE in text, (text, process.communicate()[1])
    (folder,) = place.iterdir()
    address = re.search(r"listens on +(\S+)", text)
    assert address
    yield Seen(text, folder, address[1], process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    with pytest.raises(URLError):
        urlopen(f"{address[1]}/healthz")


def test_every_step_is_told_in_order(seen):
    titles = re.findall(r"^ *(\d+)  (\S.*)$", seen.text, re.MULTILINE)
    assert [number for number, _ in titles] == [str(n) for n in range(1, 15)]
    assert re.fullmatch(LAST_STEP, titles[-1][1])


def test_a_person_approves_what_the_lab_waits_for(seen):
    told = seen.step("It asks again, and a person at the hospital approves")
    assert re.search(r"in the inbox +apr_\w+: engineer@lab.example, model-training, for 1w", told)
    assert re.search(r"vote +vote_\w+: approve", told)
    assert re.search(r"the lab has +sess_\w+", told)


def test_the_wrong_purpose_is_denied_with_its_reason(seen):
    told = seen.step("The lab asks for the wrong purpose")
    assert "403 policy_violation" in told
    assert re.search(r"reason +\w+: \S", told)


def test_what_was_streamed_is_pseudonymous_and_the_training_is_reconciled(seen):
    told = seen.step("It streams batches, and trains")
    assert "426 data records in 7 batches" in told
    assert re.search(r"patient_id +[0-9a-f]{20}…", told)
    assert "TRAIN on 7 batches, matched" in told


def test_who_withdrew_is_in_no_later_batch_and_led_to_the_decisions(seen):
    told = seen.step("A patient withdraws consent")
    assert "425 data records in this pass" in told
    assert "not among them" in told
    assert "tumour-triage, 143 decisions" in seen.step(LAST_STEP)


def test_the_revocation_ends_the_stream(seen):
    told = seen.step("The hospital revokes, in the middle of a stream")
    assert "403 access_revoked" in told
    assert re.search(r"last entry +access_revoked", told)


def test_real_decisions_were_recorded_with_an_explanation(seen):
    with (seen.folder / "home" / "admin.key").open() as file:
        done = subprocess.run(
            [XASE, "records", "list", "--base-url", seen.address, "--limit", "200", "--json"],
            env={**os.environ, "XASE_API_KEY": file.read().strip()},
            capture_output=True,
            check=True,
        )
    listed = json.loads(done.stdout)
    assert listed["total"] == 143
    for record in listed["data"]:
        explanation = record["explanation"]
        logit = explanation["intercept"] + sum(explanation["contributions"].values())
        malignant = 1 / (1 + math.exp(-logit))
        assert explanation["towards"] == "malignant"
        assert record["confidence"] == pytest.approx(max(malignant, 1 - malignant), abs=1e-3)
        assert record["output"]["diagnosis"] == ("malignant" if malignant > 0.5 else "benign")
        assert len(explanation["contributions"]) == len(record["input"]) == 30


def test_a_person_approved_what_was_right_and_overrode_what_was_wrong(seen):
    rows = re.findall(r"(rec_\w{16}) .* (malignant|benign) +(APPROVED|OVERRIDE) +(malignant|benign)", seen.text)
    assert {action for _, _, action, _ in rows} == {"APPROVED", "OVERRIDE"}
    assert all((said == truth) == (action == "APPROVED") for _, said, action, truth in rows)


def test_the_bundle_was_verified_by_two_programs(seen):
    assert re.findall(r"^ *(VERIFIED.*?) *$", seen.step("And verifies it, offline"), re.MULTILINE)[0].startswith(
        "VERIFIED"
    )
    assert "manifest.json: signed by this key" in seen.step("And verifies it, offline")
    assert "checkpoint: signed by this log key" in seen.step("And verifies it, offline")


def test_the_evidence_of_the_session_was_verified(seen):
    told = seen.step("The same for the data: the lab's session")
    assert re.search(r"^ *VERIFIED", told, re.MULTILINE)
    assert "access_revoked" in told


def test_the_forgery_differs_in_one_byte_and_its_entry_is_named(seen):
    true, forged = ((seen.folder / name).read_bytes() for name in ("bundle.zip", "forged.zip"))
    assert sum(a != b for a, b in zip(true, forged, strict=True)) == 1
    told = seen.step("Now forge it")
    record = re.search(r"in +(rec_\w{16})", told)
    assert record
    assert "FAILED" in told
    assert re.search(rf"entry \d+ \({record[1]}\): its hash is not", told)


def test_the_kept_server_answers_and_shows_its_reference(seen):
    for path in ("/readyz", "/docs"):
        with urlopen(f"{seen.address}{path}") as answer:
            assert answer.status == 200


def test_the_model_is_the_same_each_time_and_right_most_of_the_time():
    cases = Cases.load()
    first, second = Triage.train(cases.known), Triage.train(cases.known)
    assert first.digest == second.digest
    decisions = list(first.decisions(cases.unseen))
    assert decisions == list(second.decisions(cases.unseen))
    assert sum(decision.right for decision in decisions) > 0.95 * len(decisions)


@pytest.mark.parametrize(("digit", "now"), [("5", "0.9"), ("9", "0.8")])
def test_a_forgery_changes_one_digit_of_the_named_record(digit, now):
    lines = [f'{{"body":{{"confidence":0.{digit}}},"id":"rec_{n}"}}\n' for n in range(3)]
    bundle = write_archive({"entries.ndjson": "".join(lines).encode(), "manifest.json": b'{"id":"rec_1"}'})
    forgery = overstate(bundle, "rec_1")
    assert (forgery.was, forgery.now) == (f"0.{digit}", now)
    lines[1] = lines[1].replace(digit, now[-1])
    assert "".join(lines).encode() in forgery.bundle
