"""A server's part in an ingest, alone: `python ingest_worker.py DATASETS SOURCE` registers version after version."""

import sys
from itertools import count
from pathlib import Path

from xase_server.datasets import LocalLibrary
from xase_server.engines.duckdb.files import build_database, open_engine
from xase_server.ports.datasets import Ingest


def main(root: str, source: str) -> None:
    """Ingest until killed, saying each number once its version is durable."""
    library = LocalLibrary(Path(root), {}, open_engine=open_engine, build_database=build_database)
    say("ready")
    for number in count(1):
        wish = Ingest(dataset_id="ds_test", number=number, source=Path(source), id_field="id")
        library.ingest(wish, lambda progress: None, lambda: False)
        say(str(number))


def say(word: str) -> None:
    """One line to whoever will end this."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
