"""A second fresh database, for laws that compare two histories."""

from collections.abc import Iterator

import pytest

from libs.laptop.embedded_postgres import EmbeddedPostgres
from tests.support.postgres import Database, fresh_database


@pytest.fixture
def other_database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """Like `database`, another one."""
    with fresh_database(postgres) as fresh:
        yield fresh
