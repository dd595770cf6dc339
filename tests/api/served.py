"""The application as another ASGI server is told to find it; `XASE_HOME` says where it lives."""

from xase_server.app import Server, create_app
from xase_server.settings import Settings


def make() -> Server:
    """The application over the home that the environment names."""
    return create_app(Settings())
