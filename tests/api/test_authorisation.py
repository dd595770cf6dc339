"""Who may do what: every endpoint of the table, with every role and with every single scope."""

import pytest

from xase_server.domain.principals import ROLES, SCOPES
from xase_server.web.endpoint import ANY_KEY, PUBLIC
from xase_server.web.endpoints import ENDPOINTS

GUARDED = [endpoint for endpoint in ENDPOINTS if not endpoint.public]


def name(endpoint):
    return f"{endpoint.method} {endpoint.path}"


def address(endpoint):
    path = endpoint.path.replace("...}", "}")
    for parameter in endpoint.path_parameters:
        path = path.replace(f"{{{parameter.name}}}", parameter.example)
    return path


def test_every_endpoint_names_a_known_scope_or_says_that_it_needs_none():
    assert {endpoint.access for endpoint in ENDPOINTS} <= {*SCOPES, ANY_KEY, PUBLIC}


def test_only_these_endpoints_need_no_key():
    assert {endpoint.path for endpoint in ENDPOINTS if endpoint.public} == {
        "/.well-known/xase-signing-keys.json",
        "/docs",
        "/healthz",
        "/log/checkpoint",
        "/log/tile/{level}/{number...}",
        "/metrics",
        "/openapi.json",
        "/readyz",
    }


def test_every_scope_opens_some_endpoint():
    assert {endpoint.scope for endpoint in GUARDED} - {None} == set(SCOPES)


def test_no_role_may_read_the_whole_log():
    assert [role for role, held in ROLES.items() if "log:monitor" in held] == []


def test_an_auditor_changes_nothing_but_exports():
    asking = {
        "simulate_policy",
        "assess_policy",
        "assess_guardrails",
        "verify_bundle",
    }  # POST, because they take a body
    changing = {each.scope for each in GUARDED if each.writes and each.name not in asking} - {"evidence:export"}
    assert ROLES["auditor"] & changing == set()


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def caller(site):
    """One client for all the keys: there are thousands of questions."""
    async with site.client("") as client:
        yield client


@pytest.mark.parametrize("endpoint", GUARDED, ids=name)
async def test_an_endpoint_needs_a_key(caller, endpoint):
    answer = await caller.request(endpoint.method, address(endpoint))
    assert answer.status_code == 401


async def assert_opens_exactly(caller, secret, scopes):
    """This key gets through to every endpoint that one of the scopes opens, and is turned away from all others."""
    headers = {"authorization": f"Bearer {secret}"}
    for endpoint in GUARDED:
        answer = await caller.request(endpoint.method, address(endpoint), json={}, headers=headers)
        if endpoint.scope is None or endpoint.scope in scopes:
            assert answer.status_code not in {401, 403, 405}, name(endpoint)
        else:
            assert answer.status_code == 403, name(endpoint)
            error = answer.json()["error"]
            assert error["code"] == "authorization_error", name(endpoint)
            assert error["details"] == {"required_scope": endpoint.scope}, name(endpoint)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_exactly_its_endpoints(caller, role_keys, role):
    await assert_opens_exactly(caller, role_keys[role], ROLES[role])


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_scope_opens_exactly_its_endpoints(site, caller, scope):
    await assert_opens_exactly(caller, site.mint(scopes=(scope,)), {scope})


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.public], ids=name)
async def test_a_public_endpoint_answers_without_a_key(site, endpoint):
    async with site.client("") as client:
        answer = await client.request(endpoint.method, address(endpoint))
    assert answer.status_code in {200, 404}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/records/",
        "//v1/records",
        "/v1//records",
        "/V1/records",
        "/v1/records/../keys",
        "/v1/records/%2e%2e/keys",
        "/v1/records;a=b",
        "/v1/keys%00",
        "/openapi.json/v1/records",
        "/log/tile",
        "/v1",
        "/",
    ],
)
async def test_an_address_that_is_not_in_the_table_does_not_exist(site, path):
    async with site.client("") as client:
        answer = await client.get(path)
    assert answer.status_code in {401, 404}
    assert answer.json()["error"]["code"] in {"not_found", "authentication_error"}


async def test_a_key_may_mint_subsets_of_itself_only(site):
    async with site.client(site.mint(scopes=("keys:write", "records:read"))) as client:
        allowed = await client.post("/v1/keys", json={"name": "k", "scopes": ["records:read"]})
        beyond = await client.post("/v1/keys", json={"name": "k", "scopes": ["records:read", "records:write"]})
        role = await client.post("/v1/keys", json={"name": "k", "role": "auditor"})
    assert allowed.status_code == 201
    assert [answer.status_code for answer in (beyond, role)] == [400, 400]
