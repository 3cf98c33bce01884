"""The composition root: makes the parts of each role and joins them; parts.py holds what all roles share, relays.py what leaves."""

from services.profile.bootstrap.parts import SERVICE, Parts, assemble
from services.profile.bootstrap.roles import learner_of, worker_of

__all__ = ["SERVICE", "Parts", "assemble", "learner_of", "worker_of"]
