"""Objects the API answers: read-only, by attribute or item, unknown fields kept, contents never shown."""

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xase.models import (
    ApprovalRequest,
    BundleState,
    DatasetState,
    DecisionRecord,
    Document,
    Facts,
    Intervention,
    Model,
    NewApiKey,
    Page,
    SessionState,
    plain,
)

SOURCE_DOCUMENT = {
    "id": "rec_8a7f3b2c4d5e6f7a",
    "model_id": "credit-model-v2",
    "input": {"customer_id": "cust_123", "income": 85000},
    "output": {"decision": "APPROVED", "credit_limit": 25000},
    "confidence": 0.94,
    "transaction_id": "txn_abc123",
    "hash": "sha256:9f86d081884c...",
    "previous_hash": "sha256:abc123...",
    "created_at": "2025-01-15T14:32:00.000Z",
    "interventions": [],
}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
objects = st.dictionaries(st.text(), values, max_size=5)


@pytest.fixture
def record():
    return DecisionRecord(SOURCE_DOCUMENT)


def test_a_field_is_read_by_attribute_and_by_item(record):
    assert record.output.decision == record["output"]["decision"] == "APPROVED"
    assert record.input.income == 85000
    assert record.interventions == []


def test_a_declared_field_that_was_not_sent_is_none(record):
    assert record.policy_id is None
    assert "policy_id" not in record
    with pytest.raises(KeyError):
        record["policy_id"]


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (SessionState, "session_id"),
        (DatasetState, "dataset_id"),
        (BundleState, "bundle_id"),
        (ApprovalRequest, "approval_request_id"),
    ],
)
def test_what_has_an_id_has_it_as_id(kind, field):
    assert kind({field: "x_1"}).id == "x_1"


def test_a_field_nobody_declared_is_kept():
    assert DecisionRecord({**SOURCE_DOCUMENT, "added_tomorrow": {"x": 1}}).added_tomorrow.x == 1


def test_a_field_that_does_not_exist_is_an_attribute_error(record):
    with pytest.raises(AttributeError, match="DecisionRecord has no field 'colour'"):
        record.colour  # noqa: B018


@pytest.mark.parametrize(
    "change",
    [
        lambda record: setattr(record, "model_id", "other"),
        lambda record: delattr(record, "model_id"),
        lambda record: setattr(record.output, "decision", "REJECTED"),
        lambda record: record.__setitem__("model_id", "other"),
        lambda record: record.interventions.append("x"),
    ],
    ids=["a field", "its absence", "a nested field", "an item", "a list"],
)
def test_nothing_can_be_changed(record, change):
    with pytest.raises((AttributeError, TypeError)):
        change(record)
    assert record == SOURCE_DOCUMENT


def test_a_record_is_equal_to_its_plain_content(record):
    assert record == SOURCE_DOCUMENT == record.to_dict()
    assert record != {**SOURCE_DOCUMENT, "confidence": 0.95}


def test_the_repr_shows_neither_input_nor_output(record):
    shown = repr(record)
    assert "cust_123" not in shown
    assert "APPROVED" not in shown
    assert "rec_8a7f3b2c4d5e6f7a" in shown
    assert repr(record.input) == "Document(customer_id, income)"


def test_the_repr_of_terms_and_counts_shows_them():
    state = SessionState({"obligations": {"fields": ["age"], "transforms": {"age": {"op": "generalize"}}}})
    assert repr(state.obligations) == "Facts(fields=['age'], transforms={'age': {'op': 'generalize'}})"
    assert repr(state.obligations.transforms) == "Facts(age={'op': 'generalize'})"
    assert repr(Facts({"nodes": [{"id": "n"}]}).nodes) == "[Facts(id='n')]"
    assert len(repr(Facts({"fields": ["age"] * 1000}))) < 100


def test_the_repr_shortens_long_values():
    assert len(repr(DecisionRecord({"model_id": "m" * 1000}))) < 100


def test_the_repr_hides_a_new_keys_secret():
    assert "xase_pk_" not in repr(NewApiKey({"id": "key_1", "key": "xase_pk_" + "0" * 48}))


def test_nested_objects_have_their_own_kind():
    record = DecisionRecord({**SOURCE_DOCUMENT, "interventions": [{"id": "int_1", "action": "APPROVED"}]})
    assert isinstance(record.interventions[0], Intervention)
    assert isinstance(record.input, Document)


def test_a_page_holds_objects_of_its_kind():
    page = Page.of(DecisionRecord, {"data": [SOURCE_DOCUMENT], "total": 1, "limit": 20, "offset": 0})
    assert isinstance(page.data[0], DecisionRecord)
    assert page.to_dict()["data"] == [SOURCE_DOCUMENT]


def test_a_model_can_be_sent_again(record):
    assert json.loads(json.dumps({"new_outcome": record.output}, default=plain)) == {
        "new_outcome": SOURCE_DOCUMENT["output"]
    }


def test_what_is_no_json_is_refused():
    with pytest.raises(TypeError, match="set is not JSON"):
        json.dumps({"x": {1}}, default=plain)


def test_completion_offers_declared_and_sent_fields(record):
    assert {"model_id", "policy_id", "to_dict"} <= set(dir(record))


@given(objects)
def test_nothing_is_lost(fields):
    assert Model(fields).to_dict() == fields
    assert Model(fields) == fields


@given(objects)
def test_a_model_survives_pickle_and_copy(fields):
    model = DecisionRecord(fields)
    for again in (pickle.loads(pickle.dumps(model)), copy.copy(model), copy.deepcopy(model)):
        assert again == model
        assert type(again) is DecisionRecord
        assert hash(again) == hash(model)


@given(objects)
def test_the_caller_owns_the_plain_copy(fields):
    model = Model(fields)
    model.to_dict()["added"] = 1
    assert model == fields
