"""One figure of a benchmark and how figures are printed; every benchmark returns these."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One way of doing a thing: how much of it a second, over several rounds; the first of a list is the measure."""

    name: str
    per_second: tuple[float, ...]
    unit: str

    @property
    def typical(self) -> float:
        """The median of the rounds."""
        return median(self.per_second)


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print the figures below each other, each as a ratio to the first."""
    print(f"\n{title}")
    for figure in figures:
        low, high = min(figure.per_second), max(figure.per_second)
        ratio = figure.typical / figures[0].typical
        print(
            f"  {figure.name:<58} {ratio:5.2f} x   {figure.typical:>10,.0f} {figure.unit}/s  ({low:,.0f} to {high:,.0f})"
        )
