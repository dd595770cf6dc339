"""The yardstick on PostgreSQL: what one would write first. Each append locks the head, links, inserts, commits."""

import hashlib
import threading
import time

import psycopg

SCHEMA = """
CREATE TABLE chain_head (size bigint NOT NULL, hash bytea NOT NULL);
INSERT INTO chain_head VALUES (0, '');
CREATE TABLE chain (idx bigint PRIMARY KEY, hash bytea NOT NULL, raw bytea NOT NULL);
CREATE TABLE plain (number bigserial PRIMARY KEY, raw bytea NOT NULL);
"""


def prepare(dsn: str) -> None:
    """Make the tables of this module and of the pgbench script."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(SCHEMA)


def appends_per_second(dsn: str, raw: bytes, *, callers: int, seconds: float) -> float:
    """Appends of so many callers, each with a connection of its own."""
    until = time.perf_counter() + seconds
    done = [0] * callers

    def call(number: int) -> None:
        with psycopg.connect(dsn) as connection:
            while time.perf_counter() < until:
                _append(connection, raw)
                done[number] += 1

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - started)


def _append(connection: "psycopg.Connection[tuple[int, bytes]]", raw: bytes) -> None:
    with connection.transaction():
        row = connection.execute("SELECT size, hash FROM chain_head FOR UPDATE").fetchone()
        assert row is not None
        digest = hashlib.sha256(row[1] + raw).digest()
        connection.execute("INSERT INTO chain VALUES (%s, %s, %s)", (row[0], digest, raw))
        connection.execute("UPDATE chain_head SET size = size + 1, hash = %s", (digest,))
