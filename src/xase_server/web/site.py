"""What all requests of one application share."""

from dataclasses import dataclass

from xase_server.web.cursors import Cursors, SessionCursors
from xase_server.web.metrics import Metrics
from xase_server.web.services import Services


@dataclass(frozen=True, slots=True)
class Site:
    """The use cases, what makes cursors, the counters, and the two documents made of the endpoint table.

    `contract` is the OpenAPI file as served and committed, `reference` the reference page,
    `reference_policy` its content security policy. `base_url` is the public address, empty for the one
    that a caller has used.
    """

    services: Services
    cursors: Cursors
    session_cursors: SessionCursors
    metrics: Metrics
    contract: bytes
    reference: bytes
    reference_policy: bytes
    base_url: str
