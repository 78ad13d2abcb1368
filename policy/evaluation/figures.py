"""Figures of the benchmark, drawn from its results files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from policy.evaluation.tables import Rows, read_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS = "(ours)"
"""Ends the name of the policy that stands out."""
REFERENCE = "oracle"
"""Has no regret and captures all: what the others are measured by, so it is not drawn."""
WORST_DRAWN = -30.0
"""Profit captured, per cent, below which bars are cut."""
COLUMNS = 2
"""Panels side by side."""


def draw_figures(results: Path, suite: str, into: Path) -> list[Path]:
    """Draw one suite's figures, each as PNG and SVG: regret over time and profit captured, a panel per
    setting; of `adaptation` its measures over history.

    Parameters
    ----------
    results
        Folder with `SUITE.csv` and, but for `adaptation`, `SUITE_regret.csv`.

    Returns
    -------
    The files written.
    """
    scores = read_rows(results / f"{suite}.csv")
    if suite == "adaptation":
        figures = {suite: adaptation_figure(scores)}
    else:
        regret = read_rows(results / f"{suite}_regret.csv")
        figures = {f"{suite}_regret": regret_figure(regret), f"{suite}_captured": captured_figure(scores)}
    into.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in figures.items():
        for suffix, metadata in (("png", {}), ("svg", {"Date": None})):  # no date: equal runs, equal files
            path = into / f"{name}.{suffix}"
            figure.savefig(path, dpi=150, metadata=metadata)
            written.append(path)
    return written


def regret_figure(rows: Rows) -> Figure:
    """Mean cumulative regret against time, with a band of one standard error to either side."""
    figure, panels = _panels(rows, width=5.2, height=4.2)
    for axes, setting in panels:
        for i, policy in enumerate(_policies(rows)):
            lines = [row for row in rows if row["suite"] == setting and row["policy"] == policy]
            period = [int(row["period"]) for row in lines]
            mean, error = ([float(row[name]) for row in lines] for name in ("regret", "regret_error"))
            ours = policy.endswith(OURS)
            axes.plot(
                period,
                mean,
                label=policy,
                color="black" if ours else f"C{i % 10}",
                linewidth=2.4 if ours else 1.2,
                linestyle=("-", "--", ":")[i % 3] if ours else "--" if i >= 10 else "-",
                zorder=3 if ours else 2,
            )
            axes.fill_between(
                period,
                [m - e for m, e in zip(mean, error, strict=True)],
                [m + e for m, e in zip(mean, error, strict=True)],
                color="black" if ours else f"C{i % 10}",
                alpha=0.15,
                linewidth=0,
            )
        axes.set_title(setting)
    figure.supxlabel("period")
    figure.supylabel("cumulative regret, periods of best profit")
    # Policies that never learn leave the picture: their lines are straight, and would flatten the others.
    top = max(float(row["regret"]) for row in rows if row["policy"].endswith(OURS))
    for axes, _ in panels:
        axes.set_ylim(0, 4 * top)
    curves, names = panels[0][0].get_legend_handles_labels()
    figure.legend(curves, names, loc="outside lower center", ncols=4, fontsize="small", frameon=False)
    return figure


def captured_figure(rows: Rows) -> Figure:
    """Profit captured by every policy, with standard errors."""
    policies = _policies(rows)[::-1]
    figure, panels = _panels(rows, width=4.6, height=1.2 + 0.32 * len(policies))
    for axes, setting in panels:
        of = {row["policy"]: row for row in rows if row["suite"] == setting}
        share = [100 * float(of[p]["profit_captured"]) for p in policies]
        error = [100 * float(of[p]["standard_error"]) for p in policies]
        colours = ["black" if p.endswith(OURS) else "tab:gray" for p in policies]
        axes.barh(policies, share, xerr=error, color=colours, ecolor="tab:red", height=0.7)
        # Losses may be many times the best profit: the bar leaves the picture, its number stays.
        axes.set_xlim(max(min(0.0, *share), WORST_DRAWN), 115)
        axes.set_xticks([0, 25, 50, 75, 100])
        for i, value in enumerate(share):
            axes.text(101, i, f"{value:.1f}", va="center", fontsize="small")
        axes.set_title(setting)
    figure.supxlabel("profit captured, % of the best known")
    return figure


def adaptation_figure(rows: Rows) -> Figure:
    """How much better than the frozen base each way to adapt is, over the periods of history it was shown: a
    panel a measure, products of all stores, bands of one standard error of the difference."""
    from matplotlib.figure import Figure

    measures = {
        "wql": "quantile loss of sales ahead",
        "units_error": "log error of mean units at untried prices",
        "elasticity_error": "log error of elasticity",
        "captured": "share of the best profit captured",
    }
    rows = [row for row in rows if row["store"] == "all stores"]
    frozen, *others = dict.fromkeys(row["method"] for row in rows)
    others = [name for name in others if REFERENCE not in name]
    figure = Figure(figsize=(10.4, 7.4), layout="constrained")
    for axes, (measure, title) in zip(figure.subplots(2, 2).flat, measures.items(), strict=True):
        drawn = []
        for i, method in enumerate(others):
            lines = [row for row in rows if row["method"] == method]
            history = [int(row["history"]) for row in lines]
            gain = [float(row[f"{measure}_gain"]) for row in lines]
            error = [float(row[f"{measure}_gain_standard_error"]) for row in lines]
            ours = method.endswith(OURS)
            colour, width = ("black", 2.4) if ours else (f"C{i}", 1.4)
            axes.plot(history, gain, label=method, color=colour, linewidth=width, marker="o", markersize=4)
            bounds = [[g + side * e for g, e in zip(gain, error, strict=True)] for side in (-1, 1)]
            axes.fill_between(history, *bounds, color=colour, alpha=0.12, linewidth=0)
            drawn.append(gain)
        axes.axhline(0.0, color="tab:gray", linewidth=1, linestyle="--", label=frozen)
        # What random weights lose would flatten the others.
        best = max(max(gain) for gain in drawn)
        least = sorted(min(gain) for gain in drawn)[1]
        axes.set_ylim(min(1.3 * least, -0.6 * best), 1.3 * best)
        axes.set_xscale("log", base=2)
        axes.set_xticks(history, [str(h) for h in history])
        axes.set_title(title)
        axes.set_xlabel("periods of history")
        axes.set_ylabel("better than the frozen base by")
        axes.spines[["top", "right"]].set_visible(False)
    lines, names = axes.get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=3, fontsize="small", frameon=False)
    return figure


def _policies(rows: Rows) -> list[str]:
    return [name for name in dict.fromkeys(row["policy"] for row in rows) if name != REFERENCE]


def _panels(rows: Rows, *, width: float, height: float) -> tuple[Figure, list[tuple[Axes, str]]]:
    """A figure without a window or global state, and a panel for each setting."""
    from matplotlib.figure import Figure

    settings = list(dict.fromkeys(row["suite"] for row in rows))
    columns = min(COLUMNS, len(settings))
    lines = -(-len(settings) // columns)
    figure = Figure(figsize=(width * columns, height * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, sharey="row")
    panels = list(grid.flat)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(settings) :]:
        axes.remove()
    return figure, list(zip(panels, settings, strict=False))
