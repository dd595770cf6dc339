"""The operator's own tree of purposes."""

import pytest

from xase_server.policy.purposes import read_purposes


def test_a_tree_is_read():
    tree = read_purposes({"care": {"label": "dpv:Care"}, "triage": {"parent": "care", "synonyms": ["sorting"]}})
    assert tree.covers("care", "sorting")
    assert not tree.covers("triage", "care")
    assert tree.labels == {"care": "dpv:Care"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "object"),
        ({"a": {"parent": "b"}}, "b is not in the tree"),
        ({"a": {"parent": "b"}, "b": {"parent": "a"}}, "lies below itself"),
        ({"a": {"parent": "a"}}, "lies below itself"),
        ({"a": {"synonyms": ["b"]}, "b": {}}, "b means two things"),
        ({"a": {"synonyms": ["c"]}, "b": {"synonyms": ["c"]}}, "c means two things"),
        ({"a": {"colour": 1}}, "colour"),
    ],
)
def test_a_tree_that_says_two_things_is_refused(document, said):
    with pytest.raises(ValueError, match=said):
        read_purposes(document)
