"""The error tree: every slug has its class, and nothing is lost on the way."""

import copy
import inspect
import pickle

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xase
from xase import errors
from xase._client.faults import transport_error
from xase_server.domain.errors import CATALOGUE


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.slug)
def test_every_slug_of_the_server_has_its_class_with_its_status(kind):
    known = errors.BY_SLUG[kind.slug]
    assert (known.slug, known.status) == (kind.slug, kind.status)


def test_no_two_classes_share_a_slug():
    slugs = [vars(kind)["slug"] for kind in vars(errors).values() if inspect.isclass(kind) and vars(kind).get("slug")]
    assert len(slugs) == len(set(slugs)) == len(errors.BY_SLUG)


def test_the_drawn_tree_is_the_tree():
    drawn = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        name = line.lstrip(" │├└─").split(" ")[0]
        if not hasattr(errors, name) or line.startswith("`"):
            continue
        depth = (len(line) - len(line.lstrip(" │├└─"))) // 4
        path[depth - 1 :] = [name]
        drawn[name] = path[-2] if len(path) > 1 else "Exception"
    real = {
        name: kind.__bases__[0].__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, errors.XaseError)
    }
    assert drawn == real


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, xase.BadRequest),
        (401, xase.AuthenticationFailed),
        (403, xase.Forbidden),
        (404, xase.NotFound),
        (409, xase.Conflict),
        (418, xase.APIError),
        (429, xase.RateLimitExceeded),
        (500, xase.ServerError),
        (503, xase.Unavailable),
        (599, xase.ServerError),
    ],
)
def test_an_unknown_slug_gets_the_class_of_its_status(status, kind):
    assert errors.error_class("made_up_tomorrow", status) is kind


def test_an_error_reads_as_slug_message_fields_and_request():
    error = xase.ValidationFailed(
        "Invalid request body",
        details=[{"field": "model_id", "message": "Required field missing"}],
        request_id="req_1",
    )
    assert str(error) == "validation_error: Invalid request body – model_id: Required field missing (req_1)"


@given(
    kind=st.sampled_from([*errors.BY_SLUG.values(), xase.ServerError]),
    message=st.text(),
    details=st.none() | st.dictionaries(st.text(), st.integers()) | st.lists(st.text()),
    request_id=st.none() | st.text(),
)
def test_an_api_error_survives_pickle_and_copy(kind, message, details, request_id):
    error = kind(message, details=details, request_id=request_id, retry_after=1.5)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert vars(again) == vars(error)
        assert str(again) == str(error)


def test_an_accusation_survives_pickle_with_its_evidence():
    error = xase.LedgerForked("two roots", remembered="note 1", shown="note 2")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.remembered, again.shown) == ("two roots", "note 1", "note 2")


HTTP_ERRORS = [
    kind for kind in vars(httpx2).values() if inspect.isclass(kind) and issubclass(kind, httpx2.RequestError)
]


@pytest.mark.parametrize("kind", HTTP_ERRORS, ids=lambda kind: kind.__name__)
def test_every_exception_of_the_http_library_becomes_a_transport_error(kind):
    assert isinstance(transport_error(kind("no"), is_over=False), xase.TransportError)


@pytest.mark.parametrize("kind", [httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError])
def test_what_was_never_sent_is_a_failed_connection(kind):
    assert isinstance(transport_error(kind("no"), is_over=False), xase.ConnectionFailed)


def test_a_failed_connection_names_the_server_and_not_the_path():
    request = httpx2.Request("GET", "http://xase.example:8000/v1/records?model_id=m")
    error = transport_error(httpx2.ConnectError("Connection refused", request=request), is_over=False)
    assert str(error) == "http://xase.example:8000 could not be reached: Connection refused"


@pytest.mark.parametrize("kind", [httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError, httpx2.CloseError])
def test_what_may_have_been_sent_is_a_lost_connection(kind):
    assert isinstance(transport_error(kind("no"), is_over=False), xase.ConnectionLost)


def test_a_timeout_past_the_deadline_is_the_deadline():
    assert isinstance(transport_error(httpx2.ReadTimeout("no"), is_over=True), xase.DeadlineExceeded)
    assert type(transport_error(httpx2.ReadTimeout("no"), is_over=False)) is xase.Timeout
