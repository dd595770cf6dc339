"""The power-cut replay itself: it must find what a lax setting loses, or its silence means nothing."""

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.disk import Disk, power_cuts
from tests.faults.iotrace import Event, environment, read_trace

WRITER = """
import os, sqlite3, sys
home, marks, mode = sys.argv[1:]
os.mkdir(home)
acknowledged = os.open(marks, os.O_WRONLY | os.O_CREAT)
database = sqlite3.connect(home + "/rows.db", isolation_level=None)
for statement in ("PRAGMA journal_mode=wal", "PRAGMA wal_autocheckpoint=20", f"PRAGMA synchronous={mode}"):
    database.execute(statement)
database.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, filler BLOB)")
for number in range(60):
    database.execute("INSERT INTO rows VALUES (?, randomblob(3000))", (number,))
    os.write(acknowledged, b"%d" % number)
"""


def states_that_lost_rows(library: Path, folder: Path, synchronous: str) -> int:
    home, log, marks = folder / "home", folder / "trace", folder / "marks"
    command = [sys.executable, "-c", WRITER, str(home), str(marks), synchronous]
    subprocess.run(command, env=environment(library, home, log=log, marks=marks), check=True)
    lost = 0
    for n, state in enumerate(power_cuts(read_trace(log), 120, seed=7)):
        state.lay_out(home, folder / f"state-{n}")
        lost += not {int(mark) for mark in state.marks} <= rows_in(folder / f"state-{n}" / "rows.db")
    return lost


def rows_in(database: Path) -> set[int]:
    connection = sqlite3.connect(database)
    try:
        return {number for (number,) in connection.execute("SELECT number FROM rows")}
    except sqlite3.DatabaseError:  # not even the table, or a torn file
        return set()
    finally:
        connection.close()


def test_synchronous_full_loses_nothing(library, tmp_path):
    assert states_that_lost_rows(library, tmp_path, "full") == 0


@pytest.mark.parametrize("synchronous", ["normal", "off"])
def test_anything_laxer_is_caught(library, tmp_path, synchronous):
    assert states_that_lost_rows(library, tmp_path, synchronous) > 10


class AlwaysAll(random.Random):
    """A chance that keeps every unsynced change."""

    def choice(self, options):
        return "all" if "all" in options else options[0]

    def randint(self, low, high):
        return high

    def random(self):
        return 0.0


def disk_after(*events: Event) -> Disk:
    disk = Disk()
    for event in events:
        disk.follow(event)
    return disk


def create(path: str, inode: int) -> Event:
    return Event("C", inode, 0, path.encode())


def test_what_was_not_synced_may_be_there_or_not():
    disk = disk_after(create("/h/a", 1), Event("D", 9, 0, b"/h"), Event("W", 1, 0, b"new"))

    found = {disk.cut(random.Random(seed)).files["/h/a"] for seed in range(40)}
    assert {b"", b"new"} <= found


def test_what_was_synced_stays():
    disk = disk_after(create("/h/a", 1), Event("D", 9, 0, b"/h"), Event("W", 1, 0, b"old"), Event("S", 1, 0, b""))

    assert {disk.cut(random.Random(seed)).files["/h/a"] for seed in range(40)} == {b"old"}


def test_a_name_is_durable_only_when_its_folder_was_synced():

    disk = disk_after(create("/h/a", 1), Event("S", 1, 0, b""))
    assert {"/h/a" in disk.cut(random.Random(seed)).files for seed in range(40)} == {True, False}
    disk.follow(Event("D", 9, 0, b"/h"))
    assert {"/h/a" in disk.cut(random.Random(seed)).files for seed in range(40)} == {True}


def test_an_inode_number_used_again_is_another_file():
    disk = disk_after(
        create("/h/a", 1),
        Event("W", 1, 0, b"first"),
        Event("U", 0, 0, b"/h/a"),
        create("/h/b", 1),
        Event("W", 1, 0, b"2"),
    )
    assert disk.cut(AlwaysAll()).files == {"/h/b": b"2"}


def test_a_renamed_file_that_was_not_synced_may_be_empty():

    disk = disk_after(
        create("/h/new", 1),
        Event("W", 1, 0, b"head"),
        Event("R", 0, 0, b"/h/new\0/h/head"),
        Event("D", 9, 0, b"/h"),
    )
    assert {disk.cut(random.Random(seed)).files["/h/head"] for seed in range(40)} >= {b"", b"head"}


def test_what_a_failed_sync_was_to_keep_may_be_lost_for_good():
    trace = [create("/h/a", 1), Event("D", 9, 0, b"/h"), Event("W", 1, 0, b"lost"), Event("F", 1, 0, b"")]
    trace += [Event("W", 1, 4, b"kept"), Event("S", 1, 0, b"")]
    found = set()
    for seed in range(40):
        disk = Disk(random.Random(seed))
        for event in trace:
            disk.follow(event)
        found.add(disk.cut(random.Random(seed)).files["/h/a"])
    assert found == {b"lostkept", b"\0\0\0\0kept"}
