"""The role `migrate`: schema, topics, the voucher key where no file holds one, and the campaigns of a file."""

import secrets
from collections.abc import Sequence
from pathlib import Path

import structlog
import yaml
from pydantic import ValidationError

from libs.common.errors import InvalidInput
from libs.common.persistence import Transactions
from libs.common.service import engine_for_migration, migrate_service
from services.offers.bootstrap.parts import SERVICE
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.handlers.campaigns.versions import apply_campaigns
from services.offers.settings import Settings
from services.offers.store.campaigns.versions import PostgresCampaigns
from services.offers.store.codes import ensure_code_key

_KEY_BYTES = 32
_log = structlog.get_logger(__name__)


async def migrate(settings: Settings) -> None:
    """Bring schema, topics and campaigns to this release; the same again changes nothing.

    Raises InvalidInput for a campaign file that breaks its rules, before anything is changed by it.
    """
    campaigns = campaigns_in(settings.campaigns_file) if settings.campaigns_file else []
    await migrate_service(SERVICE, settings)
    engine = engine_for_migration(SERVICE, settings)
    try:
        async with Transactions(engine, SERVICE).begin() as tx:
            if settings.voucher_key_file is None:
                await ensure_code_key(tx, secrets.token_bytes(_KEY_BYTES))
            changed = await apply_campaigns(PostgresCampaigns(tx), campaigns, author="file")
    finally:
        await engine.dispose()
    _log.info("campaigns applied", changed=changed)


def campaigns_in(path: Path) -> Sequence[Campaign]:
    """The campaigns of a YAML file with a list `campaigns`; raises InvalidInput that names what is wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        campaigns = [Campaign.model_validate(entry) for entry in content["campaigns"]]
    except (OSError, yaml.YAMLError, ValidationError, TypeError, KeyError) as error:
        raise InvalidInput(f"{path.name}: {error}", slug="invalid-campaigns") from error
    ids = [campaign.campaign_id for campaign in campaigns]
    if len(set(ids)) != len(ids):
        raise InvalidInput(f"{path.name}: a campaign_id occurs twice", slug="invalid-campaigns")
    return campaigns
