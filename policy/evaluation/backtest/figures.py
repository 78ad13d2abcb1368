"""Figures of a backtest: forecasts against what was sold, calibration, off-policy differences, replay."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from policy.evaluation.backtest.replay import POLICIES
from policy.evaluation.backtest.report import Backtest
from policy.forecast.windows import LEVELS, Sales

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FANS = 4
"""Products whose forecasts are drawn: those with the highest revenue in the last quarter."""

CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti TC",
    "Arial Unicode MS",
    "Microsoft YaHei",
    "SimHei",
)
"""Fonts with Chinese characters, one of which most systems have."""

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#808894"
COLOURS = {"policy": "black", "keep": GREY, "own": ORANGE, "oracle": GREEN}


def draws_chinese() -> bool:
    """Whether this machine has a font with Chinese characters."""
    return bool(_chinese_fonts())


def draw_figures(report: Backtest, words: Mapping[str, str], into: Path) -> list[Path]:
    """Draw each part that has something to show, as PNG and SVG.

    Parameters
    ----------
    words
        Titles, axes and names by key, without placeholders.

    Returns
    -------
    The files written.
    """
    import matplotlib

    figures = {"forecasts": _fans, "calibration": _calibration}
    if any(result.estimates for result in report.off_policy):
        figures["off_policy"] = _estimates
    if any(outcome.mean for outcome in report.replayed):
        figures["replay"] = _replay
    into.mkdir(parents=True, exist_ok=True)
    family = ["DejaVu Sans", *_chinese_fonts()]
    written = []
    # Chinese fonts have fewer weights than it looks for, which is no news to a merchant.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    # No date and a fixed salt: equal reports, equal files.
    with matplotlib.rc_context({"font.family": family, "svg.hashsalt": "backtest"}):
        for name, draw in figures.items():
            figure = draw(report, words)
            for suffix, metadata in (("png", {}), ("svg", {"Date": None})):
                path = into / f"{name}.{suffix}"
                figure.savefig(path, dpi=150, metadata=metadata)
                written.append(path)
    return written


def _chinese_fonts() -> list[str]:
    """Those of `CHINESE_FONTS` that are installed. Matplotlib remembers the fonts that it found when first
    run; where none of these was among them, fonts installed since are looked at too."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    remembered = {font.name for font in fontManager.ttflist}
    if not remembered & set(CHINESE_FONTS):
        for path in set(findSystemFonts()) - {font.fname for font in fontManager.ttflist}:
            try:
                fontManager.addfont(path)
            except (OSError, RuntimeError):  # not a font that it can draw with
                continue
        remembered = {font.name for font in fontManager.ttflist}
    return [name for name in CHINESE_FONTS if name in remembered]


def _fans(report: Backtest, words: Mapping[str, str]) -> Figure:
    """What was sold, and the ranges foreseen up to four periods before."""
    sales, quantiles = report.forecasts.sales, report.forecasts.quantiles
    chosen = _largest(sales)
    figure, grid = _grid(len(chosen), width=5.6, height=2.8)
    for axes, series in zip(grid, chosen, strict=True):
        first, stop = int(sales.series_start[series]), int(sales.series_stop[series])
        first = max(first, int(sales.first_tested[series]) - (stop - int(sales.first_tested[series])))
        rows = sales.table.iloc[first:stop]
        axes.plot(rows["date"], rows["units"], color="black", linewidth=1.2, label=words["sold"])
        windows = np.flatnonzero(sales.series == series)
        dates = sales.table["date"].iloc[sales.ahead[windows].ravel()]
        q = quantiles[windows].reshape(len(dates), -1)
        axes.fill_between(
            dates, q[:, 0], q[:, -1], color=BLUE, alpha=0.2, linewidth=0, label=words["range_80"]
        )
        axes.fill_between(
            dates, q[:, 2], q[:, -3], color=BLUE, alpha=0.3, linewidth=0, label=words["range_40"]
        )
        axes.plot(dates, q[:, len(LEVELS) // 2], color=BLUE, linewidth=1.2, label=words["median"])
        store, sku = (str(rows[c].iloc[0]) for c in ("store", "sku"))
        axes.set_title(_plain(f"{store} / {sku}" if store else sku), fontsize="medium")
        axes.tick_params(axis="x", rotation=30)
        axes.set_ylim(bottom=0)
    figure.supylabel(words[f"units_per_{report.panel.period}"])
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize="small", frameon=False)
    return figure


def _largest(sales: Sales) -> NDArray[np.int64]:
    """Series with the highest revenue in the forecast periods."""
    revenue = (sales.path("price") * sales.path("units"))[sales.ahead].sum(axis=1)
    total = np.bincount(sales.series, weights=revenue, minlength=len(sales.series_start))
    forecast = np.unique(sales.series)
    return forecast[np.argsort(-total[forecast], kind="stable")][:FANS]


def _calibration(report: Backtest, words: Mapping[str, str]) -> Figure:
    """How often sales lay below each quantile, against how often they should."""
    figure, (axes,) = _grid(1, width=4.4, height=4.2)
    axes.plot([0, 100], [0, 100], color=GREY, linewidth=1, linestyle="--", label=words["ideal"])
    axes.plot(
        100 * np.array(LEVELS), 100 * report.forecasts.below, color=BLUE, marker="o", label=words["policy"]
    )
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_xlabel(words["level"])
    axes.set_ylabel(words["below"])
    axes.legend(frameon=False)
    return figure


def _estimates(report: Backtest, words: Mapping[str, str]) -> Figure:
    """By how much more or less the policy would have earned by each estimate, as the table has it."""
    results = [result for result in report.off_policy if result.estimates]
    figure, grid = _grid(len(results), width=5.6, height=3.0)
    for axes, result in zip(grid, results, strict=True):
        rows, gains = range(len(result.estimates)), np.array([e.gain for e in result.estimates])
        ranges = np.array([(e.gain_low, e.gain_high) for e in result.estimates])  # (estimators, 2)
        axes.axvline(0.0, color=GREY, linestyle="--", label=words["zero"])
        axes.hlines(rows, *ranges.T, color=BLUE, linewidth=3, alpha=0.5, label=words["range_gain"])
        axes.plot(gains, rows, "o", color=BLUE, label=words["gain"])
        axes.set_yticks(rows, [words[e.estimator] for e in result.estimates])
        axes.set_ylim(len(result.estimates) - 0.4, -0.6)  # from above, as in the table
        axes.set_title(f"{words['observational']}\n{words['ess']}: {result.ess:.0f}", fontsize="medium")
        axes.set_xlabel(f"{words['gain_over_earned']}\n{_earnings(report, result.objective, words)}")
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize="small", frameon=False)
    return figure


def _replay(report: Backtest, words: Mapping[str, str]) -> Figure:
    """Expected earnings of each policy, period by period."""
    assert report.replay is not None
    outcomes = [outcome for outcome in report.replayed if outcome.mean]
    figure, grid = _grid(len(outcomes), width=5.6, height=3.6)
    for axes, outcome in zip(grid, outcomes, strict=True):
        chosen = report.replay.of_profit == (outcome.objective == "profit")
        for name in POLICIES:
            path = report.replay.paths[name][chosen].mean(axis=0)
            axes.plot(
                np.arange(len(path)) + 1,
                path,
                color=COLOURS[name],
                linewidth=2 if name == "policy" else 1.2,
                linestyle=":" if name == "oracle" else "-",
                label=words[name],
            )
        axes.set_title(words["simulated"], fontsize="medium")
        axes.set_xlabel(words[f"{report.panel.period}_ahead"])
        axes.set_ylabel(_earnings(report, outcome.objective, words))
    handles, names = grid[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    return figure


def _earnings(report: Backtest, objective: str, words: Mapping[str, str]) -> str:
    text = words[f"{objective}_per_{report.panel.period}"]
    return f"{text} ({report.currency})" if report.currency else text


def _plain(text: str) -> str:
    """Data as a title: a dollar sign would begin mathematics, and what does not print is left out."""
    return "".join(c for c in text if c.isprintable()).replace("$", r"\$")[:60]


def _grid(panels: int, *, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure without a window or global state, and its panels, two a line."""
    from matplotlib.figure import Figure

    columns = min(2, panels)
    lines = -(-panels // columns)
    figure = Figure(figsize=(width * columns, height * lines + 0.5), layout="constrained")
    grid = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[panels:]:
        axes.remove()
    return figure, grid[:panels]
