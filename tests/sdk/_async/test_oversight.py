"""Usage and audit against the real server."""

from uuid import uuid4


async def test_the_own_trail_is_read_newest_first_page_after_page(client):
    names = [f"trail-{uuid4().hex}" for _ in range(3)]
    made = [await client.keys.create(name=name, role="auditor") for name in names]
    entries = [each async for each in client.audit.entries(type="key_created", limit=1)]
    found = [each.body.key_id for each in entries if each.body.key_id in {key.id for key in made}]
    assert found == [key.id for key in reversed(made)]
    assert {each.type for each in entries} == {"key_created"}


async def test_an_entry_is_found_by_what_it_speaks_of(client):
    made = await client.keys.create(name=f"object-{uuid4().hex}", role="auditor")
    assert [each.type async for each in client.audit.entries(object=made.id)] == ["key_created"]


async def test_usage_is_summed_by_what_is_asked(client):
    for grouping in ("dataset", "session", "model", "day"):
        listing = await client.usage.list(group_by=grouping, start_date="2000-01-01", limit=1)
        assert listing.total == len([each async for each in listing])
