"""`make bench`: every benchmark in turn; absolute figures are of this machine, only the ratios travel."""

import argparse
import os
from pathlib import Path

from benchmarks import batches, contracts, delivery
from benchmarks.ingest import comparing
from benchmarks.ingest.contenders import Karapace
from benchmarks.inventory import comparing as nights
from benchmarks.offers import comparing as vouchers
from benchmarks.offers import parts
from benchmarks.profile import comparing as year
from benchmarks.profile.size import comparing as size
from benchmarks.report import show

BENCHMARKS = {
    "contracts": ("Reading an event (20 lines; CPU time)", contracts.measure),
    "delivery": ("Exactly once in effect (one process, embedded broker, PostgreSQL)", delivery.run),
    "offers-batch": ("A batch of vouchers (100 000 codes)", batches.run),
}
INGEST, PROFILE, SIZE, OFFERS, INVENTORY, PARTS = (
    "ingest",
    "profile",
    "profile-size",
    "offers",
    "inventory",
    "offers-parts",
)


def main() -> None:
    """Run the benchmarks that the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "names", nargs="*", choices=[[], *BENCHMARKS, INGEST, PROFILE, SIZE, OFFERS, INVENTORY, PARTS], default=[]
    )
    parser.add_argument(
        "--rounds", type=int, help="of load, for ingest and offers (else 5), or of the year, for profile (else 3)"
    )
    parser.add_argument("--seconds", type=int, default=3, help="whole seconds of each load, for ingest and offers")
    parser.add_argument(
        "--weeks", type=int, help="for profile only the first weeks of the year, for offers the last ones"
    )
    parser.add_argument("--fold-processes", type=int, default=2, help="that fold beside the worker, for profile")
    parser.add_argument(
        "--customers", type=int, nargs="+", default=[100_000, 300_000, 1_000_000], help="for profile-size, ascending"
    )
    parser.add_argument("--stores", type=int, nargs="+", default=[25, 50, 100], help="for inventory, ascending")
    parser.add_argument("--items", type=int, default=10_000, help="of each store, for inventory")
    parser.add_argument("--sales", type=int, default=1_000, help="that become commands, for inventory")
    parser.add_argument("--folder", type=Path, help="keeps the database of profile-size; asked again if it is there")
    arguments = parser.parse_args()
    for name in arguments.names or [*BENCHMARKS, INGEST, PROFILE, OFFERS]:
        if name == INGEST:
            comparing.compare(rounds=arguments.rounds or 5, seconds=arguments.seconds, karapace=_karapace())
        elif name == PROFILE:
            peer = os.environ.get("QUIX_PYTHON")  # noqa: TID251 - a main
            plan = year.Plan(
                weeks=arguments.weeks,
                rounds=arguments.rounds or 3,
                fold_processes=arguments.fold_processes,
                peer_python=peer,
            )
            year.compare(plan)
        elif name == OFFERS:
            vouchers.compare(rounds=arguments.rounds or 5, seconds=arguments.seconds, weeks=arguments.weeks)
        elif name == INVENTORY:
            nights.compare(stores=arguments.stores, items=arguments.items, sales=arguments.sales)
        elif name == PARTS:
            parts.show(parts.measure(arguments.weeks))
        elif name == SIZE:
            size.compare(arguments.customers, arguments.folder)
        else:
            title, measure = BENCHMARKS[name]
            show(title, measure())


def _karapace() -> Karapace | None:
    python, source = (os.environ.get(f"KARAPACE_{part}") for part in ("PYTHON", "SOURCE"))  # noqa: TID251 - a main
    return Karapace(python, source) if python and source else None


if __name__ == "__main__":
    main()
