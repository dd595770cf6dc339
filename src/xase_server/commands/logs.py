"""What the server says while it runs: one line an event on standard error, as text or as JSON.

Other libraries' warnings take the same form. Bodies and keys are never logged.
"""

import logging
import sys
from typing import Any

import structlog
from orjson import dumps


def configure(log_format: str, *, requests: bool) -> None:
    """Log from now on as `json` or `text` says; a line for each request only if `requests`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    factory: Any = structlog.PrintLoggerFactory(sys.stderr)
    if log_format == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer(serializer=dumps)
        factory = structlog.BytesLoggerFactory(sys.stderr.buffer)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if requests else logging.WARNING),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    _adopt_others(shared, renderer)


def _adopt_others(shared: list[Any], renderer: Any) -> None:
    """What libraries say through the standard library's logging, in the same form."""

    def as_text(logger: Any, name: str, event: Any) -> str:
        rendered = renderer(logger, name, event)
        return rendered.decode() if isinstance(rendered, bytes) else str(rendered)

    handler = logging.StreamHandler(sys.stderr)
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[strip, as_text])
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
