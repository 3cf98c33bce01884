"""The composition root: makes the parts of each role and joins them; parts.py holds what all roles share, relays.py what leaves."""

from services.profile.bootstrap.parts import Parts, assemble, migrate
from services.profile.bootstrap.roles import learner_of, worker_of

__all__ = ["Parts", "assemble", "learner_of", "migrate", "worker_of"]
