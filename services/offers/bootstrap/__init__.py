"""The composition root: makes the parts of each role and joins them; parts.py holds what all roles share."""

from services.offers.bootstrap.door import Door, door_of, running
from services.offers.bootstrap.migration import migrate
from services.offers.bootstrap.parts import SERVICE, Parts, assemble, code_key_of
from services.offers.bootstrap.work import worker_of

__all__ = ["SERVICE", "Door", "Parts", "assemble", "code_key_of", "door_of", "migrate", "running", "worker_of"]
