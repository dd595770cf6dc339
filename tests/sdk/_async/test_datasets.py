"""Datasets and policies against the real server."""

import io
from uuid import uuid4

import pyarrow as pa
import pytest

import xase
from xase.models import DatasetState

LINES = b'{"age": 61, "who": {"id": "p1"}}\n{"age": 34, "who": {"id": "p2"}}\n'
RESEARCH = {"name": "Research", "rules": [{"id": "r", "effect": "permit", "when": {"purpose": ["research"]}}]}


@pytest.fixture
def name():
    return f"dataset-{uuid4().hex}"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "lines.ndjson"
    path.write_bytes(LINES)
    return path


async def test_a_file_becomes_a_dataset_that_can_be_used(client, name, file):
    seen = []
    made = await client.datasets.register(
        name=name,
        file=file,
        description="Ward 7",
        subject_field="who.id",
        fields={"who.id": {"class": "identifier"}},
        progress=lambda sent, total: seen.append((sent, total)),
    )
    assert isinstance(made, DatasetState)
    assert (made.status, made.version, made.rows) == ("READY", 1, 2)
    assert seen[-1] == (len(LINES), len(LINES))
    assert await client.datasets.get(name) == made
    assert (await client.datasets.get(made.dataset_id)).name == name


async def test_the_schema_is_a_tree_of_fields(client, name, file):
    await client.datasets.register(name=name, file=str(file), fields={"who.id": {"class": "identifier"}})
    schema = await client.datasets.schema(name)
    who = next(each for each in schema.fields if each.path == "who")
    assert who.type == "struct"
    assert (who.fields[0].path, who.fields[0]["class"]) == ("who.id", "identifier")
    assert (await client.datasets.profile(name)).fields["age"]["max"] == 61


async def test_a_budget_is_what_noisy_answers_have_cost(client, name, file):
    rule = {
        "id": "statistics",
        "effect": "permit",
        "constrain": {"entity_key": "who.id", "epsilon_total": 1, "epsilon_per_query": 0.4},
    }
    policy = await client.policies.create({"name": "Statistics", "rules": [rule]})
    await client.datasets.register(name=name, file=str(file), policy_id=policy.id)
    assert (await client.datasets.budget(name)).epsilon_left == 1
    session = await client.access(dataset=name, purpose="analysis")
    pipeline = [{"$group": {"_id": None, "n": {"$sum": 1}}}]
    answers = [await session.aggregate(pipeline) for _ in range(2)]
    assert [(each.epsilon, each.epsilon_spent, each.epsilon_left) for each in answers] == [
        (0.4, 0.4, 0.6),
        (0.4, 0.8, 0.2),
    ]
    with pytest.raises(xase.BudgetExhausted) as caught:
        await session.aggregate(pipeline)
    assert caught.value.details["epsilon_left"] == 0.2
    budget = await client.datasets.budget(name)
    assert (budget.epsilon_total, budget.epsilon_spent, budget.organisations[0].queries) == (1, 0.8, 2)


TABLE = pa.table({"age": [61, 34], "who": ["p1", "p2"]})
TABLES = [
    pytest.param(lambda: TABLE, id="pyarrow table"),
    pytest.param(lambda: TABLE.to_batches()[0], id="pyarrow batch"),
    pytest.param(TABLE.to_reader, id="pyarrow reader"),
    pytest.param(TABLE.to_pandas, id="pandas"),
    pytest.param(lambda: pytest.importorskip("polars").from_arrow(TABLE), id="polars"),
]


@pytest.mark.parametrize("make", TABLES)
async def test_a_table_becomes_a_dataset(client, name, make):
    made = await client.datasets.register(name=name, data=make())
    assert made.rows == 2
    assert {each.path for each in (await client.datasets.schema(name)).fields} == {"record_id", "age", "who"}


async def test_an_open_file_is_read_from_where_it_stands(client, name):
    stream = io.BytesIO(b"rubbish" + LINES)
    stream.seek(len(b"rubbish"))
    assert (await client.datasets.register(name=name, file=stream, format="ndjson")).rows == 2


async def test_more_data_makes_the_next_version(client, name, file):
    await client.datasets.register(name=name, file=file)
    assert (await client.datasets.upload(name, file=file, mode="append")).rows == 4
    assert (await client.datasets.upload(name, file=file)).rows == 2
    assert [each.version async for each in await client.datasets.versions(name, limit=2)] == [3, 2, 1]


async def test_a_source_is_read_on_the_server(client, site, name):
    (site.home / "data" / f"{name}.ndjson").write_bytes(LINES)
    made = await client.datasets.register(name=name, source=f"{name}.ndjson")
    assert (made.status, made.rows) == ("READY", 2)
    assert (await client.datasets.add_version(name, source=f"{name}.ndjson", mode="append")).rows == 4


async def test_data_that_cannot_be_read_is_an_error(client, name):
    with pytest.raises(xase.DatasetError, match="Line 1"):
        await client.datasets.register(name=name, file=io.BytesIO(b"{"), format="ndjson")
    assert (await client.datasets.upload(name, file=io.BytesIO(LINES), format="ndjson")).status == "READY"
    with pytest.raises(xase.DatasetError):
        await client.datasets.upload(name, file=io.BytesIO(b"{"), format="ndjson")


async def test_waiting_has_an_end(client, name):
    await client.datasets.register(name=name)
    with pytest.raises(xase.DeadlineExceeded):
        await client.datasets.wait(name, timeout=0.1)


@pytest.mark.parametrize("given", [{"file": b"", "data": 1}, {"file": "/no/such/file"}, {"data": object()}])
async def test_data_that_is_none_is_refused_here(client, name, given):
    with pytest.raises(xase.ConfigurationError):
        await client.datasets.register(name=name, **given)
    assert (await client.datasets.list(name=name)).total == 0


async def test_a_dataset_is_changed_listed_and_archived(client, name, file):
    policy = await client.policies.create(RESEARCH)
    await client.datasets.register(name=name, file=file)
    changed = await client.datasets.update(name, description="new", policy_id=policy.id)
    assert (changed.description, changed.policy_id) == ("new", policy.id)
    assert (await client.datasets.update(name, policy_id="")).policy_id is None
    assert [each.name async for each in await client.datasets.list(name=name, status="READY")] == [name]
    assert (await client.datasets.archive(name)).status == "ARCHIVED"


# ------------------------------------------------------------------ policies


async def test_a_policy_is_made_of_an_object_or_a_file(client, tmp_path):
    made = await client.policies.create(RESEARCH)
    assert (made.version, made.document) == (1, RESEARCH)
    file = tmp_path / "policy.yaml"
    file.write_text("name: Stricter\nrules:\n  - {id: r, effect: permit, when: {purpose: [validation]}}\n")
    assert (await client.policies.update(made.id, file)).name == "Stricter"
    assert (await client.policies.get(made.id, version=1)) == made
    assert [each.version async for each in await client.policies.versions(made.id)] == [2, 1]
    assert made.id in [each.id async for each in await client.policies.list(limit=100)]


async def test_tokens_are_followed_back_by_the_holder(client, name, file):
    rule = {"id": "r", "effect": "permit", "constrain": {"transforms": {"who.id": {"op": "tokenize"}}}}
    policy = await client.policies.create({"name": "Tokens", "rules": [rule]})
    await client.datasets.register(name=name, file=file, policy_id=policy.id)
    async with await client.access(dataset=name, purpose="research", duration="1d") as session:
        records = [record async for batch in session.stream() for record in batch]
    tokens = [record["who"]["id"] for record in records]
    found = await client.datasets.detokenize(name, [*tokens, "p1"], reason="to tell the patient")
    assert [(each.token, each.value) for each in found.reversed] == [*zip(tokens, ("p1", "p2"), strict=True)]
    assert found.unknown == ["p1"]
    assert found.reversed[0].session_id == session.id
    made = await client.datasets.erase_tokens(name, values=["p1"], reason="to be forgotten")
    assert (made.erased, made.unknown) == ([tokens[0]], [])
    assert (await client.datasets.detokenize(name, tokens, reason="a look")).unknown == [tokens[0]]


async def test_a_policy_file_that_is_not_there_is_an_error_here(client):
    with pytest.raises(xase.ConfigurationError):
        await client.policies.create("/no/such/policy.yaml")


async def test_a_policy_is_asked_what_it_would_say(client):
    made = await client.policies.create(RESEARCH)
    verdict = await client.policies.simulate(made.id, purpose="validation", duration="7d")
    assert verdict.verdict == "permit"
    denied = await client.policies.simulate(made.id, purpose="marketing")
    assert [each.rule for each in denied.violations] == ["purpose_not_allowed"]
    impact = await client.policies.impact(made.id, RESEARCH)
    assert (impact.sessions, impact.unchanged) == ([], 0)


async def test_guardrails_are_named_and_asked_what_they_would_do(client):
    made = await client.policies.create(RESEARCH)
    named = await client.policies.guardrails.set([made.id])
    assert isinstance(named, xase.GuardrailList)
    assert [(each.id, each.version) for each in named.policies] == [(made.id, 1)]
    assert await client.policies.guardrails.get() == named
    assert (await client.policies.guardrails.impact([])).sessions == []
    assert (await client.policies.guardrails.set([])).policies == []


async def test_a_faulty_policy_names_the_place(client):
    with pytest.raises(xase.ValidationFailed) as caught:
        await client.policies.create({"name": "n", "rules": [{"id": "r", "effect": "allow"}]})
    assert caught.value.details[0]["field"] == "rules.0.effect"


async def test_a_dataset_is_anonymised_and_its_risks_are_told(client, name):
    rows = pa.table({"age": [30, 31, 40, 41], "ill": ["flu", "hiv", "flu", "hiv"]})
    await client.datasets.register(name=name, data=rows, fields={"age": {"class": "quasi_identifier"}})
    before = await client.datasets.risk(name, quasi_identifiers=["age"], sensitive=["ill"])
    assert (before.report["k"], before.hash) == (1, None)
    made = await client.datasets.anonymize(name, name=f"{name}-open", k=2, l=2, sensitive=["ill"], suppression_max=0)
    assert (made.status, made.rows, made.derived_from) == ("READY", 4, before.dataset_id)
    report = (await client.datasets.risk(made.name)).report
    assert (report["k"], report["l"], report["levels"]["age"]["transform"]["width"]) == (2, 2, 2)
    with pytest.raises(xase.DatasetError, match="k = 5 cannot be reached"):
        await client.datasets.anonymize(name, name=f"{name}-open", k=5)
