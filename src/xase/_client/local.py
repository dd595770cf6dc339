"""A whole server in this process: no port, its own event loop in a thread of its own."""

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from xase._client.inprocess import LocalTransport, there
from xase.errors import ConfigurationError

T = TypeVar("T")

GROUP: Final = "xase.local"


class LocalServer(Protocol):
    """What the server package offers under the entry point group `xase.local`."""

    app: Any
    api_key: str

    async def start(self) -> None:
        """Open the store; afterwards `app` answers and `api_key` is there."""
        ...

    async def close(self) -> None:
        """Finish what was begun and close the store."""
        ...


class Local:
    """A running server over the folder `path`, made if it is not there. Closing it finishes what was begun.

    Raises ConfigurationError when there is no server to run, or none that starts over this folder.
    """

    def __init__(self, path: Path) -> None:
        self._server = _server(path)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="xase-local", daemon=True)
        self._thread.start()
        try:
            self._run(self._server.start())
        except BaseException:
            self._end_loop()
            raise
        self.api_key = self._server.api_key
        self.base_url = f"http://{sha256(str(path.resolve()).encode()).hexdigest()[:16]}.local.invalid"
        self.transport = LocalTransport(self._server.app, self._loop)
        self._is_open = True
        atexit.register(self.close)

    def close(self) -> None:
        """Stop the server; doing it again does nothing."""
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self.close)
        try:
            self._run(self._server.close())
        finally:
            self._end_loop()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return there(self._loop, work)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _server(path: Path) -> LocalServer:
    """The installed server over this folder. Raises ConfigurationError, politely, when there is none."""
    missing = 'a server in this process needs the server packages: pip install "xase[server]"'
    (found,) = entry_points(group=GROUP, name="server") or (None,)
    if found is None:
        raise ConfigurationError(missing)
    try:
        make = found.load()
    except ImportError as error:
        raise ConfigurationError(missing) from error
    try:
        server: LocalServer = make(path)
    except Exception as error:  # its classes are the server's, which this package does not know
        raise ConfigurationError(f"no server starts over {path}: {error}") from error
    return server
