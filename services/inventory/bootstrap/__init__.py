"""The composition root: makes the parts of each role and joins them; parts.py holds what all roles share, roles.py the worker."""

from services.inventory.bootstrap.parts import Parts, assemble, migrate
from services.inventory.bootstrap.roles import desk_of, worker_of

__all__ = ["Parts", "assemble", "desk_of", "migrate", "worker_of"]
