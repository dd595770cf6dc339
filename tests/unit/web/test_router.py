"""The router: every address of the table, and none besides."""

import re

from hypothesis import given
from hypothesis import strategies as st

from xase_server.web.endpoints import ENDPOINTS
from xase_server.web.router import Router, allowed

ROUTER = Router(ENDPOINTS)
segments = st.sampled_from(["v1", "records", "batch", "log", "tile", "entries", "0", "keys", "x", "", "..", "evidence"])


def filled(path):
    return re.sub(r"\{(\w+)(\.\.\.)?\}", lambda found: "a/b" if found[2] else f"some-{found[1]}", path)


def test_every_endpoint_is_found_at_its_address():
    for endpoint in ENDPOINTS:
        methods, parameters = ROUTER.find(filled(endpoint.path))
        assert methods[endpoint.method] is endpoint
        assert set(parameters) == {parameter.name for parameter in endpoint.path_parameters}


def test_the_rest_of_an_address_is_one_parameter():
    _, parameters = ROUTER.find("/log/tile/0/x001/x234/067")
    assert parameters == {"level": "0", "number": "x001/x234/067"}


def test_a_coded_slash_belongs_to_its_part():
    methods, parameters = ROUTER.find("/v1/models/acme/m 2/lineage", b"/v1/models/acme%2Fm%202/lineage")
    assert (set(methods), parameters) == ({"GET"}, {"model_id": "acme/m 2"})
    assert ROUTER.find("/v1/records/rec_8a7f3b2c/proof", b"/v1/records/rec_8a7f3b2c%2Fproof")[1] == {
        "id": "rec_8a7f3b2c/proof"
    }
    assert ROUTER.find("/v1/records", b"/v1%2Frecords") == ({}, {})
    assert ROUTER.find("/v1/records", b"/v1/re%63ords") == ROUTER.find("/v1/records")


def test_no_parameter_is_empty():
    for path in ("/v1/records/", "/v1/records//proof", "/v1/sessions//stream"):
        assert ROUTER.find(path) == ({}, {})


def test_a_fixed_word_goes_before_a_parameter():
    methods, _ = ROUTER.find("/v1/records/batch")
    assert allowed(methods) == "OPTIONS, POST"


@given(st.lists(segments, max_size=6))
def test_what_is_found_matches_its_template(parts):
    path = "/" + "/".join(parts)
    methods, _ = ROUTER.find(path)
    for endpoint in methods.values():
        pattern = re.sub(r"\\{\w+(\\\.){3}\\}", ".*", re.escape(endpoint.path))
        pattern = re.sub(r"\\{\w+\\}", "[^/]*", pattern)
        assert re.fullmatch(pattern, path)
