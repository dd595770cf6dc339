"""What every answer has in common: request ids, error form, protection headers, methods, caching."""

import re
from typing import Any

import pytest

from tests.api.conftest import DECISION, finished_bundle
from xase_server.domain.errors import CATALOGUE
from xase_server.ports import StorageUnavailable
from xase_server.web.endpoints import ENDPOINTS

REQUEST_ID = re.compile(r"req_[0-9a-f]{16}")
PROBLEM = {"accept": "application/problem+json"}


# ------------------------------------------------------------------ request ids, headers, errors


@pytest.mark.parametrize("path", ["/v1/records", "/v1/whoami", "/healthz", "/nowhere", "/docs", "/log/checkpoint"])
async def test_every_answer_has_a_request_id_of_its_own_and_protects_itself(client, path):
    first, second = await client.get(path), await client.get(path)
    assert REQUEST_ID.fullmatch(first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["referrer-policy"] == "no-referrer"
    assert first.headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in first.headers["content-security-policy"]
    assert "cache-control" in first.headers


async def test_a_callers_request_id_is_not_taken_over(client):
    answer = await client.get("/healthz", headers={"X-Request-Id": "req_0123456789abcdef"})
    assert answer.headers["x-request-id"] != "req_0123456789abcdef"


REFUSALS: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/v1/records/rec_0000000000000000", None, 404, "not_found"),
    ("GET", "/nowhere", None, 404, "not_found"),
    ("POST", "/v1/records", {}, 400, "validation_error"),
    ("GET", "/v1/records?limit=0", None, 400, "validation_error"),
    ("GET", "/v1/records?cursor=x", None, 400, "invalid_cursor"),
    ("PUT", "/v1/records", {}, 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "slug"), REFUSALS)
async def test_an_error_has_the_one_envelope(client, method, path, body, status, slug):
    answer = await client.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert list(answer.json()) == ["error"]
    error = answer.json()["error"]
    assert set(error) == {"type", "code", "message", "details", "request_id"}
    assert error["type"] == error["code"] == slug
    assert error["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path", "body", "status", "slug"), REFUSALS)
async def test_the_same_error_comes_as_problem_details(client, method, path, body, status, slug):
    plain = (await client.request(method, path, json=body)).json()["error"]
    answer = await client.request(method, path, json=body, headers=PROBLEM)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"/docs#{slug}"
    assert problem["title"] == CATALOGUE[slug].title
    assert problem["status"] == status
    assert problem["code"] == slug
    assert problem["detail"] == plain["message"]
    assert problem["details"] == plain["details"]
    assert problem["request_id"] == answer.headers["x-request-id"]


async def test_problem_details_do_not_change_good_answers(client):
    answer = await client.get("/v1/whoami", headers=PROBLEM)
    assert answer.headers["content-type"] == "application/json"


# ------------------------------------------------------------------ defects and faults


@pytest.fixture
def broken(site, monkeypatch):
    """Makes every read of the store raise this."""

    def break_(error):
        class Broken:
            def __getattr__(self, name):
                return getattr(site.app.core.storage, name)

            def read(self, work):
                raise error

        reader = site.app.services.decisions._reader
        monkeypatch.setattr(reader, "_storage", Broken())

    return break_


async def test_a_defect_is_an_internal_error_that_tells_nothing(client, broken, capsys):
    assert (await client.get("/v1/whoami")).status_code == 200
    broken(RuntimeError("SELECT secret FROM /etc/passwd"))
    answer = await client.get("/v1/records")
    assert answer.status_code == 500
    error = answer.json()["error"]
    assert error["code"] == "internal_error"
    assert "details" not in error
    for word in ("SELECT", "passwd", "RuntimeError", "Traceback", ".py"):
        assert word not in answer.text
    logged = capsys.readouterr().out
    assert "RuntimeError" in logged
    assert error["request_id"] in logged
    assert "passwd" not in logged


async def test_a_store_that_cannot_be_read_is_unavailable(client, broken):
    assert (await client.get("/v1/whoami")).status_code == 200
    broken(StorageUnavailable("disk I/O error at /var/lib/xase.db"))
    for path in ("/v1/records", "/v1/records/rec_0000000000000000", "/readyz", "/log/checkpoint"):
        answer = await client.get(path)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "unavailable"
        assert answer.headers["retry-after"] == str(answer.json()["error"]["details"]["retry_after"])
        assert "/var" not in answer.text
    assert (await client.get("/healthz")).status_code == 200


async def test_a_store_that_cannot_be_read_is_unavailable_already_for_the_key(site, broken):
    secret = site.mint(role="auditor")
    broken(StorageUnavailable("gone"))
    async with site.client(secret) as client:
        assert (await client.get("/v1/whoami")).status_code == 503


async def test_a_ledger_that_cannot_be_written_is_unavailable_and_stores_nothing(site, client, monkeypatch):
    before = (await client.get("/v1/records")).json()["total"]

    def full():
        raise StorageUnavailable("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(site.app.core.storage, "begin", full)
        answer = await client.post("/v1/records", json=DECISION)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert (await client.get("/v1/records")).json()["total"] == before
    assert (await client.post("/v1/records", json=DECISION)).status_code == 201


# ------------------------------------------------------------------ methods


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.method == "GET"], ids=lambda e: e.path)
async def test_head_answers_like_get_without_a_body(client, endpoint):
    path = endpoint.path.replace("...}", "}")
    for parameter in endpoint.path_parameters:
        path = path.replace(f"{{{parameter.name}}}", parameter.example)
    get, head = await client.get(path), await client.head(path)
    assert head.status_code == get.status_code
    assert head.content == b""
    assert head.headers.get("content-type") == get.headers.get("content-type")


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/records", "GET, HEAD, OPTIONS, POST"),
        ("/v1/records/batch", "OPTIONS, POST"),
        ("/v1/records/rec_0000000000000000/payload", "DELETE, OPTIONS"),
        ("/v1/keys/key_0000000000000000", "DELETE, GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_method_that_an_address_does_not_have_is_refused_naming_those_it_has(site, path, allow):
    async with site.client("") as client:
        options = await client.options(path)
        assert (options.status_code, options.headers["allow"], options.content) == (204, allow, b"")
        for method in {"PUT", "PATCH", "TRACE", "PROPFIND", "POST", "DELETE", "GET"} - set(allow.split(", ")):
            answer = await client.request(method, path)
            assert answer.status_code == 405
            assert answer.headers["allow"] == allow
            assert answer.json()["error"]["details"] == {"allowed": allow.split(", ")}


# ------------------------------------------------------------------ content types


@pytest.mark.parametrize(
    "media",
    ["", "text/plain", "application/xml", "application/json; charset=latin-1", "multipart/form-data", "json", "*/*"],
)
async def test_a_body_of_another_type_is_refused(client, media):
    answer = await client.post("/v1/records", content=b"{}", headers={"content-type": media} if media else {})
    assert answer.status_code == 415
    assert answer.json()["error"]["details"] == {"accepted": ["application/json"]}


@pytest.mark.parametrize("media", ["application/json", "Application/JSON", "application/json; charset=UTF-8"])
async def test_json_may_be_spelt_as_http_allows(client, media):
    answer = await client.post("/v1/records", content=b"{}", headers={"content-type": media})
    assert answer.status_code == 400


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "identity, gzip"])
async def test_a_compressed_body_is_refused(client, encoding):
    headers = {"content-type": "application/json", "content-encoding": encoding}
    answer = await client.post("/v1/records", content=b"\x1f\x8b", headers=headers)
    assert answer.status_code == 415
    assert answer.json()["error"]["details"] == {"accepted": ["identity"]}


async def test_a_body_where_none_belongs_is_refused(client):
    made = (await client.post("/v1/keys", json={"name": "k", "role": "auditor"})).json()
    answer = await client.request("DELETE", f"/v1/keys/{made['id']}", json={"reason": "r"})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == [{"field": "body", "message": "This endpoint takes no body"}]


async def test_a_body_may_be_left_out_where_every_field_has_a_default(client):
    made = (await client.post("/v1/keys", json={"name": "k", "role": "auditor"})).json()
    assert (await client.post(f"/v1/keys/{made['id']}/rotate")).status_code == 201


async def test_who_sends_nothing_is_told_what_is_missing(client, record):
    for method, path, names in (
        ("POST", "/v1/records", ["model_id", "input", "output"]),
        ("DELETE", f"/v1/records/{record['id']}/payload", ["reason"]),
    ):
        answer = await client.request(method, path)
        assert answer.status_code == 400
        assert [each["field"] for each in answer.json()["error"]["details"]] == names
    empty = await client.post("/v1/records", content=b"", headers={"content-type": "application/json"})
    assert empty.json()["error"]["details"] == [{"field": "body", "message": "Not JSON: the body is empty"}]


# ------------------------------------------------------------------ size


@pytest.mark.parametrize("announce", [True, False])
async def test_a_body_of_5_mb_is_refused_and_nothing_stored(client, announce):
    before = (await client.get("/readyz")).json()["size"]
    body = b'{"model_id":"' + b"m" * 5_000_000 + b'"}'

    async def pieces():
        for at in range(0, len(body), 65536):
            yield body[at : at + 65536]

    content = body if announce else pieces()
    answer = await client.post("/v1/records", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "payload_too_large"
    assert answer.json()["error"]["details"] == {"limit_bytes": 1 << 20}
    assert (await client.get("/readyz")).json()["size"] == before


async def test_a_part_beyond_what_verifiers_take_on_is_refused_in_a_batch_too(client):
    before = (await client.get("/readyz")).json()["size"]
    body = {"records": [DECISION, {**DECISION, "input": {"image": "i" * 4_000_000}}]}
    answer = await client.post("/v1/records/batch", json=body)
    assert answer.status_code == 413
    assert answer.json()["error"]["details"] == {"limit_bytes": 4_000_000}
    assert (await client.get("/readyz")).json()["size"] == before


@pytest.mark.parametrize("length", ["-1", "x", "9" * 30, "1e3"])
async def test_a_senseless_length_is_refused(client, length):
    headers = {"content-type": "application/json", "content-length": length}
    answer = await client.post("/v1/records", content=b"{}", headers=headers)
    assert answer.status_code == 413


# ------------------------------------------------------------------ caching


@pytest.fixture
async def addresses(client, record):
    """Addresses whose answers may be kept, with what their `Cache-Control` says."""
    bundle = await finished_bundle(client, {"record_ids": [record["id"]]})
    identifier = bundle["bundle_id"]
    for _ in range(2):
        await client.post("/v1/records/batch", json=[DECISION] * 200)
    return {
        f"/v1/records/{record['id']}": "private, no-cache",
        f"/v1/records/{record['id']}/proof": "private, no-cache",
        f"/v1/evidence/{record['id']}": "private, no-cache",
        f"/v1/evidence/bundles/{identifier}": "private, no-cache",
        f"/v1/evidence/bundles/{identifier}/download": "private, max-age=31536000, immutable",
        "/v1/ledger/checkpoint": "private, no-cache",
        "/log/checkpoint": "no-cache",
        "/log/tile/0/000": "public, max-age=31536000, immutable",
        "/.well-known/xase-signing-keys.json": "public, max-age=300",
        "/openapi.json": "no-cache",
        "/docs": "no-cache",
    }


async def test_what_may_be_kept_carries_a_strong_tag_and_is_not_sent_twice(client, addresses):
    for path, control in addresses.items():
        first = await client.get(path)
        assert first.status_code == 200
        tag = first.headers["etag"]
        assert re.fullmatch(r'"[0-9a-f]{32,64}"', tag)
        assert first.headers["cache-control"] == control
        for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            again = await client.get(path, headers={"if-none-match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers["cache-control"] == control
        assert (await client.get(path, headers={"if-none-match": '"other"'})).content == first.content


async def test_a_record_changes_its_tag_with_an_intervention(client, record):
    path = f"/v1/records/{record['id']}"
    tag = (await client.get(path)).headers["etag"]
    await client.post(f"{path}/interventions", json={"action": "APPROVED", "reason": "r"})
    answer = await client.get(path, headers={"if-none-match": tag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag


async def test_what_is_new_each_time_is_not_kept(client):
    for path in ("/v1/records", "/v1/keys", "/v1/whoami", "/healthz"):
        answer = await client.get(path)
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers


async def test_a_checkpoint_comes_as_note_or_taken_apart(client):
    note = await client.get("/v1/ledger/checkpoint", headers={"accept": "text/plain"})
    parts = await client.get("/v1/ledger/checkpoint")
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    assert note.headers["vary"] == parts.headers["vary"] == "Accept"
    assert parts.json()["note"] == note.text
    origin, size, *_ = note.text.split("\n")
    assert (parts.json()["origin"], parts.json()["size"]) == (origin, int(size))
    assert note.headers["etag"] != parts.headers["etag"]


# ------------------------------------------------------------------ the access log


async def test_requests_are_not_logged_unless_asked(client, record, capsys):
    capsys.readouterr()
    await client.get(f"/v1/records/{record['id']}")
    assert not capsys.readouterr().out


async def test_the_access_log_holds_the_template_and_nothing_a_caller_wrote(open_site, record, capsys):
    site = open_site(log_requests=True)
    capsys.readouterr()
    async with site.client() as client:
        await client.get(f"/v1/records/{record['id']}?cursor=secret-text")
        await client.get("/private/path-of-someone")
    await site.app.close()
    logged = capsys.readouterr().out
    assert "/v1/records/{id}" in logged
    assert "status=404" in logged or '"status":404' in logged
    for text in (record["id"], "secret-text", "path-of-someone"):
        assert text not in logged


async def test_metrics_count_by_template(client, record):
    for _ in range(3):
        await client.get(f"/v1/records/{record['id']}")
    page = (await client.get("/metrics")).text
    found = re.search(r'xase_http_requests_total\{method="GET",path="/v1/records/\{id\}",status="200"\} (\d+)', page)
    assert found is not None
    assert int(found[1]) >= 3
    assert record["id"] not in page


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
async def test_metrics_do_not_exist_behind_a_proxy(client, header):
    answer = await client.get("/metrics", headers={header: "203.0.113.7"})
    assert answer.status_code == 404
