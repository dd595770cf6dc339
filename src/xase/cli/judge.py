"""What `xase verify` does, without the command-line framework and without network code.

The framework takes longer to load than a bundle takes to verify. So the plain forms of the command are read here, and
everything else (help, mistakes, abbreviations) is left to it: `xase.cli.verify` is the command's full description.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from xase.cli.exits import ExitCode, Stop
from xase.cli.output import emit

if TYPE_CHECKING:
    from rich.text import Text

    from xase.proof.report import Report
    from xase.proof.trust import Trust

_COLOURS: Final = {0: "bold green", 6: "bold red", 7: "bold yellow"}


@dataclass(slots=True)
class Question:
    """What is asked: which bundle, by which keys, with how many witnesses, answered how."""

    bundle: Path
    keys: list[Path] = field(default_factory=list)
    quorum: int | None = None
    as_json: bool = False


def run_plain(arguments: Sequence[str]) -> None:
    """Answer a plainly written command and end the process; come back without a word from any other."""
    question = read_plain(arguments)
    if question is None:
        return
    try:
        raise SystemExit(answer(question))
    except Stop as stop:
        from xase.cli.root import end

        end(stop)


def read_plain(arguments: Sequence[str]) -> Question | None:
    """The question that plainly written arguments ask, or None when the framework has to look at them."""
    bundles: list[Path] = []
    question = Question(Path())
    rest = iter(arguments)
    for argument in rest:
        if argument == "--json":
            question.as_json = True
        elif argument == "--key" and (file := next(rest, "")):
            question.keys.append(Path(file))
        elif argument == "--quorum" and (number := next(rest, "")).isdecimal():
            question.quorum = int(number)
        elif argument.startswith("-"):
            return None
        else:
            bundles.append(Path(argument))
    if len(bundles) != 1:
        return None
    question.bundle = bundles[0]
    return question


def answer(question: Question) -> int:
    """Print the report; gives its exit code. Raises Stop when there is nothing to report on."""
    from xase.proof.verify import verify_bundle

    trust = _trust(question.keys, question.quorum)
    report = verify_bundle(_read(question.bundle), trust)
    if question.as_json:
        emit(report.to_dict())
    else:
        _show(report)
    return report.exit_code


def _read(bundle: Path) -> bytes:
    from xase.proof.archive import Limits

    limit = Limits().max_bytes
    try:
        if bundle.is_dir():
            message = f"{bundle} is a folder; verify the zip file itself, or use verify.sh inside the folder"
            raise Stop(message, ExitCode.NOT_JUDGED)
        if bundle.stat().st_size > limit:
            raise Stop(f"{bundle} is larger than {limit} bytes, the most that is read", ExitCode.NOT_JUDGED)
        return bundle.read_bytes()
    except OSError as error:
        raise Stop(f"cannot read {bundle}: {error.strerror}", ExitCode.NOT_JUDGED) from error


def _trust(files: list[Path], quorum: int | None) -> "Trust":
    if not files:
        message = "nothing to judge by: give the public keys you trust with --key; keys inside a bundle prove nothing"
        raise Stop(message, ExitCode.NOT_JUDGED)
    from xase.proof.keys import KeyMaterialError
    from xase.proof.trust import read_trust

    try:
        return read_trust([_read_key(file) for file in files], quorum)
    except KeyMaterialError as error:
        raise Stop(f"a key file cannot be used: {error}", ExitCode.USAGE) from error


def _read_key(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise Stop(f"cannot read the key file {file}: {reason}", ExitCode.USAGE) from error


def _show(report: "Report") -> None:
    text = report.to_text()
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    from rich.console import Console

    Console(highlight=False).print(_coloured(text, report.exit_code))


def _coloured(text: str, code: int) -> "Text":
    from rich.text import Text

    verdict, _, rest = text.partition("\n")
    body = Text(rest)
    body.highlight_regex(r"(?m)^(Findings|Proven|What offline checking cannot know)$", "bold")
    body.highlight_regex(r"(?m)^  - step \d.*, error:", "red")
    return Text.assemble((verdict, _COLOURS[code]), "\n", body)
