"""Structured logs: one JSON object a line, nothing personal in it, and never a card number or a key."""

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from libs.common.observability.redaction import redact

# Local variables of a frame may be personal: places and messages only.
_TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


def configure_logs(service: str, role: str, level: str = "INFO") -> None:
    """Send every log of this process, the libraries' too, to standard output as JSON. Call once, from `__main__`."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, _TRACEBACKS, redact, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service, role=role)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _TRACEBACKS,
                redact,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level="WARNING", force=True)
    # It repeats "connection refused" many times a second while a broker is away; our wrapper says it once, with a slug.
    logging.getLogger("aiokafka").setLevel("CRITICAL")
