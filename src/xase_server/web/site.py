"""What all requests of one application share."""

from dataclasses import dataclass

from xase_server.web.cursors import Cursors, SessionCursors
from xase_server.web.endpoint import Endpoint
from xase_server.web.metrics import Metrics
from xase_server.web.services import Services


@dataclass(frozen=True, slots=True)
class Site:
    """The use cases, what makes cursors, the counters, and the endpoint table.

    `base_url` is the public address, empty for the one that a caller has used.
    """

    services: Services
    cursors: Cursors
    session_cursors: SessionCursors
    metrics: Metrics
    endpoints: tuple[Endpoint, ...]
    base_url: str
