"""Draws what was played as a picture: service, losses, stock and cost by week, a line a rule; called by `usual simulate --plot`.

Needs the extra `plot` (matplotlib). Nothing is shown on a screen: a file is written, in the format that its name ends with.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from services.inventory.simulate.playing import FIXED, MOVING, OURS, OURS_STILL, Play
from services.inventory.simulate.shelves import Scene, Tally

_WEEK = 7
Figures = Callable[[Tally], Sequence[float]]
_FEW = 3
HINDSIGHT = "hindsight"
_INK, _GREY, _LIGHT = "#2b2d42", "#6b6f76", "#e4e6e9"
_COLOURS = {OURS: "#0b6e4f", OURS_STILL: "#6fbf9b", MOVING: "#c8553d", FIXED: "#e9a23b", HINDSIGHT: _INK}


def draw(scene: Scene, played: Play, target: Path) -> None:
    """Write the picture of a play. Raises ValueError for a file name that ends like no picture."""
    figure = Figure(figsize=(12, 8.2), dpi=130, facecolor="white")
    grid = figure.add_gridspec(2, 2, left=0.07, right=0.965, top=0.785, bottom=0.085, hspace=0.42, wspace=0.2)
    panels = [figure.add_subplot(grid[place]) for place in range(4)]
    _over_weeks(panels[0], played, "Served from the shelf", _fill, "{:.0%}")
    _over_weeks(panels[1], played, "Units lost a week", _lost, "{:,.0f}")
    _over_weeks(panels[2], played, "Units on all shelves", _stock, "{:,.0f}")
    _over_weeks(panels[3], played, "Cost a week: stock, missed sales, orders and moves", _cost, "{:,.0f}")
    world = scene.world
    days = world.last_day - world.first_day + 1
    figure.suptitle(
        "What each rule comes to, week by week", x=0.07, y=0.975, ha="left", fontsize=17, fontweight="bold", color=_INK
    )
    words = (
        f"{len(world.stores)} stores, {len(world.items)} categories, {days} days after {world.first_day} of history. "
        "Recorded demand, made-up supply and costs.\n"
        "x: total cost against hindsight, the best fixed reorder points, which nobody knows beforehand."
    )
    figure.text(0.07, 0.889, words, fontsize=10.5, color=_GREY, linespacing=1.5)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="upper left",
        bbox_to_anchor=(0.062, 0.882),
        ncols=5,
        frameon=False,
        fontsize=9.5,
        columnspacing=1.6,
    )
    figure.savefig(target)


def _fill(tally: Tally) -> Sequence[float]:
    lost, asked = (_by_week(days) for days in (tally.lost_by_day, tally.asked_by_day))
    return [1 - one / max(all_of, 1) for one, all_of in zip(lost, asked, strict=True)]


def _lost(tally: Tally) -> Sequence[float]:
    return _by_week(tally.lost_by_day)


def _stock(tally: Tally) -> Sequence[float]:
    return [units / _WEEK for units in _by_week(tally.stock_by_day)]


def _cost(tally: Tally) -> Sequence[float]:
    return _by_week(tally.cost_by_day)


def _by_week(days: Sequence[float]) -> Sequence[float]:
    """Sums of whole weeks; a week that was begun is left out."""
    whole = len(days) // _WEEK * _WEEK
    return [float(total) for total in np.reshape(np.array(days[:whole], dtype=np.float64), (-1, _WEEK)).sum(axis=1)]


def _over_weeks(axes: Axes, played: Play, title: str, figures: Figures, form: str) -> None:
    """One panel: a line a rule, hindsight dashed."""
    for name, tally in {**played.tallies, HINDSIGHT: played.bound}.items():
        values, ours = figures(tally), name == OURS
        axes.plot(
            range(1, len(values) + 1),
            values,
            label=f"{name}: {tally.total / played.hindsight:.2f}x",
            color=_COLOURS[name],
            linewidth=2.8 if ours else 1.6,
            linestyle=(0, (4, 2.5)) if name == HINDSIGHT else "-",
            zorder=5 if ours else 3,
            marker="o" if len(values) < _FEW else None,
        )
    _quiet(axes, title, form)
    if figures is not _fill:
        axes.set_ylim(bottom=0)


def _quiet(axes: Axes, title: str, form: str) -> None:
    """A plain panel: few lines, grey figures."""
    axes.set_title(title, loc="left", fontsize=11.5, color=_INK, pad=9)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_LIGHT)
    axes.tick_params(colors=_GREY, labelsize=9.5, length=0)
    axes.grid(axis="both", color=_LIGHT, linewidth=0.8, zorder=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: form.format(value)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    axes.set_xlabel("week", color=_GREY, fontsize=9.5)
