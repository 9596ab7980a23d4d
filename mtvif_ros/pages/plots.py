"""Draw a page's plots as SVG that follows its colours, light or dark."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

_INK = "#010203"  # stands for the page's text colour in what matplotlib writes
_COLOURS = ("#3b82f6", "#f59e0b", "#10b981", "#ef4444", "#a855f7", "#06b6d4", "#ec4899", "#84cc16")
_LINES = ("solid", "dashed", "dotted")
_FEW = 30  # values that get a dot each
_DECADES = 1000.0
_LABELLED = 15  # classes whose cells of a confusion matrix have room for a number
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mtvif",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
}


def over_time(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]], label: str, from_zero: bool = True
) -> str:
    """Plot (seconds, values) of every series over time, on an axis that begins at zero unless told."""

    def draw(axes: Any) -> None:
        for colour, (name, (seconds, values)) in zip(_COLOURS, series.items()):
            axes.plot(seconds, values, color=colour, linewidth=0.9, label=name)
        axes.set(xlabel="s", ylabel=label)
        if from_zero:
            axes.set_ylim(bottom=0)
        if len(series) > 1:
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, ncol=len(series))

    return _svg(draw, (9.0, 2.2))


def over_steps(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]], label: str, logarithmic: bool = False
) -> str:
    """Plot (steps, values) of up to 24 series over the steps of a training, half a page wide.

    A series called `mean` stands out. A logarithmic plot shows the three highest decades.
    """

    def draw(axes: Any) -> None:
        from matplotlib.ticker import LogLocator, MaxNLocator

        for (line, colour), (name, (steps, values)) in zip(product(_LINES, _COLOURS), series.items()):
            drawn = (
                {"color": _INK, "linewidth": 2.0} if name == "mean" else {"color": colour, "linewidth": 1.1}
            )
            dot = "o" if len(steps) <= _FEW else None
            axes.plot(steps, values, ls=line, marker=dot, markersize=3, label=name, **drawn)
        axes.set(xlabel="step", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        highest = max((value for _, values in series.values() for value in values), default=0.0)
        if logarithmic and highest > 0:
            axes.set_yscale("log")
            axes.set_ylim(bottom=highest / _DECADES)
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.minorticks_off()
        if len(series) > 1:
            # 36 points below the axes: clear of their labels. apt's Matplotlib has no "outside lower center".
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=4.5, ncol=4, fontsize=8)

    rows = -(-len(series) // 4) if len(series) > 1 else 0
    return _svg(draw, (5.0, 2.4 + 0.2 * rows))


def distribution(series: Mapping[str, Sequence[float]], label: str) -> str:
    """Plot the histogram of every series."""

    def draw(axes: Any) -> None:
        everything = np.concatenate([np.asarray(values, float) for values in series.values()])
        edges = np.histogram_bin_edges(everything, bins=40)
        for colour, (name, values) in zip(_COLOURS, series.items()):
            axes.hist(values, edges, color=colour, alpha=0.6, label=name)
        axes.set(xlabel=label, ylabel="pairs")
        if len(series) > 1:
            axes.legend(loc="upper right")

    return _svg(draw, (4.4, 2.2))


def confusion_matrix(matrix: npt.NDArray[np.float64], names: Sequence[str]) -> str:
    """Plot a confusion matrix whose rows sum to one: labels down, predictions across."""
    numbered = len(names) <= _LABELLED

    def draw(axes: Any) -> None:
        axes.grid(False)
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(
            range(len(names)), names, rotation=45 if numbered else 90, ha="right" if numbered else "center"
        )
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel="predicted", ylabel="label")
        for row, column in np.argwhere(matrix >= 0.005) if numbered else ():
            share = matrix[row, column]
            ink = "#ffffff" if share > 0.5 else "#000000"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=ink, fontsize=7)

    width = max(5.2, 0.16 * len(names) + 1.6)
    return _svg(draw, (width, width - 0.8))


def _svg(draw: Any, size: tuple[float, float]) -> str:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = written.getvalue()
    return svg[svg.index("<svg") :].replace(_INK, "currentColor")
