"""Writes docs/reference/openapi.json from the endpoint table, or with `--check` says that it no longer matches."""

import sys
from pathlib import Path
from typing import Final

from xase_server.web.endpoints import ENDPOINTS
from xase_server.web.openapi import contract

FILE: Final = Path(__file__).resolve().parents[1] / "docs" / "reference" / "openapi.json"


def main() -> int:
    """Write the file; with `--check`, only compare."""
    made = contract(ENDPOINTS)
    if FILE.exists() and FILE.read_bytes() == made:
        return 0
    if "--check" in sys.argv:
        print("docs/reference/openapi.json no longer matches the code; run: make fix", file=sys.stderr)
        return 1
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_bytes(made)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
