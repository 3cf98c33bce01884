"""The composition root: makes the parts of each role and joins them; parts.py holds what all roles share, relays.py what leaves."""

from services.inventory.bootstrap.parts import SERVICE, Parts, assemble
from services.inventory.bootstrap.roles import desk_of, worker_of

__all__ = ["SERVICE", "Parts", "assemble", "desk_of", "worker_of"]
