"""The role `rebuild`: the profile made anew beside the live one, and the judgement whether they are equal."""

import sys
from collections.abc import Iterator

from services.profile.bootstrap.rebuilding import Comparison, Rebuild
from services.profile.settings import Settings
from services.profile.store.namespaces import Difference


async def run_rebuild(settings: Settings) -> None:
    """Rebuild, write the judgement to standard output, and end with exit code 1 unless both sides are equal."""
    rebuild = Rebuild(settings)
    try:
        comparison = await rebuild.run()
    finally:
        await rebuild.close()
    sys.stdout.writelines(f"{line}\n" for line in judgement(comparison))
    if not comparison.equal:
        raise SystemExit(1)


def judgement(comparison: Comparison) -> Iterator[str]:
    """Both digests, each part, and the first pieces that differ."""
    live, rebuilt = comparison.live, comparison.rebuilt
    yield f"live     {live.whole}"
    yield f"rebuilt  {rebuilt.whole}"
    for part in live.parts:
        told = "not compared" if part in comparison.not_compared else f"{comparison.counts.get(part, 0)} differ"
        yield f"{part:<16} live {live.pieces[part]:>9}  rebuilt {rebuilt.pieces[part]:>9}  {told}"
    for difference in comparison.first:
        yield f"{difference.part} {difference.key}: {_what(difference)}"
    yield "equal" if comparison.equal else "NOT equal"


def _what(difference: Difference) -> str:
    whose = f" (customer {difference.customer_id})" if difference.customer_id else ""
    if not difference.in_rebuilt:
        return f"in the live profile only{whose}"
    return f"differs{whose}" if difference.in_live else f"in the rebuilt profile only{whose}"
