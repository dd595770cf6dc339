"""A reader who types the marked blocks of one page, top to bottom, in one folder, against one server.

Blocks whose info string says `run` are executed: `sh` by a shell whose exported variables carry over to the next
block, `python` in one namespace. A block marked `expect` says what the one before it printed: each of its lines must
match a printed line, in order, where `…` stands for anything.
"""

import contextlib
import io
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xase
from tests.docs.pages import Block

ADDRESS_IN_THE_PAGES = "127.0.0.1:8000"
VARIABLES = ".variables"


@dataclass
class Reader:
    """Where the reader sits, and what the last block printed."""

    folder: Path
    address: str
    printed: str = ""
    _names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__docs__"})

    def follow(self, block: Block) -> None:
        """Do what a marked block says; raises AssertionError with its output where that fails."""
        if "expect" in block.words:
            self._compare(block.body)
        elif "run" in block.words:
            text = block.body.replace(ADDRESS_IN_THE_PAGES, self.address)
            self.printed = {"sh": self._shell, "python": self._python}[block.language](text)

    def leave(self) -> None:
        """Close what the blocks left open."""
        for thing in self._names.values():
            if isinstance(thing, xase.Client):
                thing.close()

    def _shell(self, text: str) -> str:
        carried = f"[ ! -e {VARIABLES} ] || . ./{VARIABLES}\n{text}\nexport -p > {VARIABLES}\n"
        done = subprocess.run(
            ["sh", "-eu", "-c", carried], cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _python(self, text: str) -> str:
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.chdir(self.folder):
            exec(compile(text, "<documentation>", "exec"), self._names)
        return output.getvalue()

    def _compare(self, expected: str) -> None:
        patterns = [re.escape(line).replace("…", r"[^\n]*") for line in expected.splitlines() if line.strip()]
        whole = ".*".join(f"^{pattern}$" for pattern in patterns)
        assert re.search(whole, self.printed, re.MULTILINE | re.DOTALL), (
            f"expected:\n{expected}\nprinted:\n{self.printed}"
        )
