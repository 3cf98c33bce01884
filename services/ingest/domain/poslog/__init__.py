"""ARTS/NRF POSLog XML in, structured CloudEvents out; pure. `mapping` has the table, `reading` the hardened parser."""

from services.ingest.domain.poslog.mapping import Assumed, Mapped, Poslog, read_poslog
from services.ingest.domain.poslog.reading import InvalidXml, XmlForbidden, XmlLimits

__all__ = ["Assumed", "InvalidXml", "Mapped", "Poslog", "XmlForbidden", "XmlLimits", "read_poslog"]
