"""HTTP as uvicorn speaks it, but for what it says to those who do not speak it."""

# mypy: disable-error-code="explicit-override"
# `typing.override` begins with Python 3.12.

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from xase_server.domain.errors import invalid_field
from xase_server.domain.ids import new_id
from xase_server.web.refusal import refusal_answer

_REFUSAL: Final = invalid_field(
    "request", "Not HTTP/1.1, or with an address of more than 64 KiB", summary="Invalid request"
)


class Protocol(HttpToolsProtocol):
    """What is not HTTP, and so reaches no application, is refused like everything else: in the one envelope."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words are always the same
        """Answer 400 and close the connection; uvicorn calls it."""
        request_id = new_id("req")
        answer = refusal_answer(_REFUSAL, request_id, as_problem=False)
        headers = [
            (b"x-request-id", request_id.encode()),
            (b"content-type", answer.media),
            (b"content-length", b"%d" % len(answer.body)),
            (b"connection", b"close"),
            *answer.headers,
        ]
        lines = [b"HTTP/1.1 400 Bad Request", *(b"%b: %b" % header for header in headers), b"", answer.body]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()
