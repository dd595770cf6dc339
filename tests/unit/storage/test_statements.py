"""Named SQL: both databases have every statement, in their own words."""

import re

from xase_server.storage.statements import postgres_statements, sqlite_statements


def test_both_databases_have_the_same_statements():
    assert postgres_statements().keys() - sqlite_statements().keys() == {"lock_head"}
    assert sqlite_statements().keys() <= postgres_statements().keys()


def test_nothing_of_the_loader_s_own_words_is_left():
    for statement in [*sqlite_statements().values(), *postgres_statements().values()]:
        assert not re.search(r"@\w|\{\w+\}|^--", statement), statement


def test_sets_arrive_as_each_database_takes_them():
    assert "IN (SELECT value FROM json_each(:numbers))" in sqlite_statements()["read_decisions"]
    assert "IN (SELECT unnest(CAST(%(numbers)s AS bigint[])) AS value)" in postgres_statements()["read_decisions"]
    assert "CAST(%b AS bytea[])" in postgres_statements()["add_entries"]
