"""Draw a report's plots as SVG that follows the page's colours, light or dark."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_INK = "#010203"  # stands for the page's text colour in what matplotlib writes
_COLOURS = ("#3b82f6", "#f59e0b", "#10b981", "#ef4444")
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


def over_time(series: Mapping[str, tuple[Sequence[float], Sequence[float]]], label: str) -> str:
    """Plot (seconds, values) of every series over time."""

    def draw(axes: Any) -> None:
        for colour, (name, (seconds, values)) in zip(_COLOURS, series.items()):
            axes.plot(seconds, values, color=colour, linewidth=0.9, label=name)
        axes.set(xlabel="s", ylabel=label)
        axes.set_ylim(bottom=0)
        if len(series) > 1:
            axes.legend(loc="upper right", ncols=len(series))

    return _svg(draw, (9.0, 2.2))


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


def heat(matrix: npt.NDArray[np.float64], names: Sequence[str]) -> str:
    """Plot a confusion matrix whose rows sum to one: labels down, predictions across."""

    def draw(axes: Any) -> None:
        axes.grid(False)
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel="predicted", ylabel="label")
        for row, column in np.argwhere(matrix >= 0.005):
            share = matrix[row, column]
            ink = "#ffffff" if share > 0.5 else "#000000"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=ink, fontsize=7)

    return _svg(draw, (5.2, 4.4))


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
