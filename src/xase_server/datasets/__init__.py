"""From files to immutable dataset versions, and reading them."""

from xase_server.datasets.bounds import Bounds
from xase_server.datasets.conversion import Converter
from xase_server.datasets.library import LocalLibrary

__all__ = ["Bounds", "Converter", "LocalLibrary"]
