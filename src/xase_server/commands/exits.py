"""How an operator's command ends: the same exit codes as the `xase` command, where they apply."""

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from xase_server.domain.errors import Refused


class ExitCode(IntEnum):
    """What the exit code of every command means. Scripts rely on it: a code never changes its meaning."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_FOUND = 4
    UNAVAILABLE = 5
    VERIFICATION_FAILED = 6
    REFUSED = 8


MEANING: Final = {
    ExitCode.OK: "done",
    ExitCode.UNEXPECTED: "something unexpected: a defect, or a fault of the machine",
    ExitCode.USAGE: "the command line or a setting is wrong",
    ExitCode.NOT_FOUND: "there is no such object",
    ExitCode.UNAVAILABLE: "the database, the home folder or the port cannot be used now",
    ExitCode.VERIFICATION_FAILED: "the audit or the doctor found something wrong",
    ExitCode.REFUSED: "refused, because it would break a promise; the message names the way out",
}


class Stop(Exception):
    """Ends the command with a message for people, and a code and facts for scripts."""

    def __init__(self, message: str, code: ExitCode, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.facts = facts


def spelt(refused: "Refused") -> str:
    """A refusal for people: its message, and each field that it names on a line of its own."""
    named = refused.details if isinstance(refused.details, list) else []
    return "\n".join([refused.message, *(f"  {each['field']}: {each['message']}" for each in named)])
