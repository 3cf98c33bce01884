"""The approval policy of a deployment, read from its file."""

from importlib.resources import files

import yaml
from pydantic import ValidationError

from libs.common.errors import InvalidInput
from services.inventory.domain.commands.approval import ALL_APPROVED, ApprovalPolicy
from services.inventory.settings import Settings


def approval_policy(settings: Settings) -> ApprovalPolicy:
    """A deployment's own policy, else the one that comes with the service; raises InvalidInput for a file that is wrong."""
    if settings.approve_everything:
        return ALL_APPROVED
    page = settings.approval_policy_file or files("services.inventory") / "approval_policy.yaml"
    try:
        return ApprovalPolicy.model_validate(yaml.safe_load(page.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InvalidInput(f"{page.name}: {error}", slug="invalid-approval-policy") from error
