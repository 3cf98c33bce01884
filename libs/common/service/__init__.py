"""What a process of any service is made of: its settings, its common parts, its migration, its command line."""

from libs.common.service.command_line import run_role
from libs.common.service.migration import engine_for_migration, migrate_service, own_topics
from libs.common.service.parts import ServiceParts, assemble_parts
from libs.common.service.settings import Positive, ServiceSettings
from libs.common.service.working import run_as_worker

__all__ = [
    "Positive",
    "ServiceParts",
    "ServiceSettings",
    "assemble_parts",
    "engine_for_migration",
    "migrate_service",
    "own_topics",
    "run_as_worker",
    "run_role",
]
