"""The HTTP library's exceptions as ours."""

import httpx2

from xase.errors import (
    ConnectionFailed,
    ConnectionLost,
    DeadlineExceeded,
    Timeout,
    TransportError,
    UnexpectedAnswer,
)

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)
_NOT_OURS = (httpx2.DecodingError, httpx2.TooManyRedirects)


def transport_error(error: httpx2.RequestError, *, is_over: bool) -> TransportError:
    """The error a caller sees; `is_over` says that the call's deadline has passed."""
    if isinstance(error, httpx2.TimeoutException) and is_over:
        return DeadlineExceeded("the call took longer than its deadline")
    if isinstance(error, _NEVER_SENT):
        return ConnectionFailed(f"{_server(error)} could not be reached: {error}")
    if isinstance(error, httpx2.TimeoutException):
        return Timeout("the server took longer than the timeout")
    if isinstance(error, _NOT_OURS):
        return UnexpectedAnswer(f"the answer could not be read: {error}")
    return ConnectionLost(f"the connection broke before the answer was there: {error}")


def _server(error: httpx2.RequestError) -> str:
    """The address that was tried, without a path; a request is not always known."""
    try:
        url = error.request.url
    except RuntimeError:
        return "the server"
    return f"{url.scheme}://{url.netloc.decode('ascii')}"
