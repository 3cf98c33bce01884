"""The role `migrate`: schema, topics, the voucher key where no file holds one, and the campaigns of a file."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import structlog
import yaml
from pydantic import ValidationError

from libs.common.contracts import TOPICS, Topic
from libs.common.errors import InvalidInput
from libs.common.persistence import Timeouts, Transactions, make_engine, run_migrations
from libs.common.streaming import ensure_topics
from services.offers.bootstrap.parts import MIGRATIONS, SCHEMA
from services.offers.domain.campaign import Campaign
from services.offers.handlers.campaigns import apply_campaigns
from services.offers.settings import Settings
from services.offers.store.campaigns import PostgresCampaigns, ensure_code_key

_KEY_BYTES = 32
_log = structlog.get_logger(__name__)


async def migrate(settings: Settings) -> None:
    """Bring schema, topics and campaigns to this release; the same again changes nothing.

    Raises InvalidInput for a campaign file that breaks its rules, before anything is changed by it.
    """
    campaigns = campaigns_in(settings.campaigns_file) if settings.campaigns_file else []
    engine = make_engine(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        application_name="offers-migrate",
        timeouts=Timeouts.migrate(),
    )
    try:
        applied = await run_migrations(engine, MIGRATIONS, SCHEMA)
        async with Transactions(engine, SCHEMA).begin() as tx:
            if settings.voucher_key_file is None:
                await ensure_code_key(tx, secrets.token_bytes(_KEY_BYTES))
            changed = await apply_campaigns(PostgresCampaigns(tx), campaigns, author="file")
    finally:
        await engine.dispose()
    topics = list(own_topics(settings.partitions_cap))
    await ensure_topics(settings.stream("migrate"), topics, replication=settings.topic_replication)
    _log.info("migrated", applied=list(applied), topics=[topic.name for topic in topics], campaigns_changed=changed)


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


def own_topics(partitions_cap: int) -> Iterable[Topic]:
    """The topics that this service owns, none with more partitions than the cap."""
    return (
        replace(topic, partitions=min(topic.partitions, partitions_cap)) for topic in TOPICS if topic.owner == SCHEMA
    )
