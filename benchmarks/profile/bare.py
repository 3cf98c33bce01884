"""A worker that applies nothing: `python -m benchmarks.profile.bare worker`.

It reads, judges, drops repeats and commits as the service does; what is read touches no profile. It is nobody's product: it shows what
there is to gain where applying and folding cost nothing.
"""

from collections import Counter
from collections.abc import Sequence

from libs.common.contracts import Event
from services.profile import __main__ as service
from services.profile import consumer
from services.profile.ports import ProfileStore


async def nothing(_store: ProfileStore, events: Sequence[Event]) -> Counter[str]:
    """In place of what contacts do."""
    return Counter(ignored=len(events))


if __name__ == "__main__":
    vars(consumer)["take_contacts"] = nothing
    service.main()
