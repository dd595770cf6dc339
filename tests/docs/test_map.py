"""The architecture page is a map: every room of the code stands on it."""

from tests.conftest import REPOSITORY

MAP = (REPOSITORY / "docs" / "explanation" / "architecture.md").read_text()


def test_every_room_stands_on_the_map():
    rooms = {
        path.stem
        for package in ("xase", "xase_server")
        for path in (REPOSITORY / "src" / package).iterdir()
        if not path.name.startswith("__") and path.name != "py.typed"
    }
    assert {room for room in rooms if f"`{room}`" not in MAP} == set()
