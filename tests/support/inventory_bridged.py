"""A small chain through the bridge, in its words and its simulator's: what streams are held against."""

from collections.abc import Mapping, Sequence

from libs.common.contracts.inventory import Reorder, Reroute
from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.inventory.simulate.playing import play
from services.inventory.simulate.shelves import Scene, Tally
from services.inventory.simulate.world import opened

Words = Mapping[tuple[str, int], Reorder | Reroute]


async def bridged(
    scene: Scene, postgres: EmbeddedPostgres, name: str, *, reroute: bool = True
) -> tuple[Tally, Sequence[Reorder | Reroute]]:
    """What the bridge comes to, and each command that it gave, in order."""
    try:
        async with opened(scene.world, postgres, name, reroute=reroute) as played:
            return await play(scene, played.answer), played.given
    finally:
        await postgres.drop_database(name)


def words(given: Sequence[Reorder | Reroute]) -> Words:
    """Commands by id and version."""
    return {(one.command_id, one.version): one for one in given}
