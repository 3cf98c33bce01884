"""`make bench`: every benchmark in turn; absolute figures are of this machine, only the ratios travel."""

import sys

from benchmarks import contracts, delivery
from benchmarks.report import show

BENCHMARKS = {
    "contracts": ("Reading an event (20 lines; CPU time)", contracts.measure),
    "delivery": ("Exactly once in effect (one process, embedded broker, PostgreSQL)", delivery.run),
}


def main() -> None:
    """Run the benchmarks that the command line names, or all."""
    for name in sys.argv[1:] or BENCHMARKS:
        title, measure = BENCHMARKS[name]
        show(title, measure())


if __name__ == "__main__":
    main()
