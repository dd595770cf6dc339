"""What `import xase` offers, and what it costs."""

import inspect
import subprocess
import sys

import pytest

import xase
from xase import errors, models


def test_every_public_name_is_there():
    for name in xase.__all__:
        assert getattr(xase, name) is not None


def test_every_error_and_every_answer_is_public():
    classes = [
        name
        for module in (errors, models)
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, errors.XaseError | models.Model)
    ]
    assert set(classes) - {"Model"} <= set(xase.__all__)


def test_the_names_are_in_order_and_once():
    assert xase.__all__ == sorted(set(xase.__all__))


def test_completion_offers_names_that_are_not_loaded_yet():
    listed = subprocess.run(
        [sys.executable, "-c", "import xase; print(*dir(xase))"], capture_output=True, text=True, check=True
    )
    assert set(xase.__all__) <= set(listed.stdout.split())


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Klient'"):
        xase.Klient  # noqa: B018


@pytest.mark.parametrize("colour", [("Client", "AsyncClient")], ids=["both"])
def test_both_clients_offer_the_same(colour):
    one, other = (getattr(xase, name) for name in colour)

    def public(kind):
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(one) == public(other)
    signatures = [inspect.signature(kind).parameters.keys() for kind in (one, other)]
    assert signatures[0] == signatures[1]


def test_importing_the_package_loads_little():
    program = "import sys; before = set(sys.modules); import xase; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"httpx2", "cryptography", "sqlite3", "asyncio", "json", "xase.models"} & set(loaded)
