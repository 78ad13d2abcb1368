"""The report of a fine-tuning in words and rows: what was learned, whether it is used, and why.

A report is what a version's `report.json` holds: `measures` compare the adapted model with the one before it
on the store's latest sales, and `reasons` say why it was promoted or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from babel.numbers import format_decimal, format_percent

from assistant.facts import LOCALES, count, signed
from assistant.wording import Language, Wording, wording

Report = Mapping[str, Any]

WORDS = "tuning.toml"
SHARES = ("wql", "wql_moves", "coverage", "profit")
"""Measures that are shares, shown in per cent; their differences are in percentage points."""
NOTHING = "–"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measure, every cell formatted."""

    measure: str
    base: str
    adapted: str
    others: tuple[str, ...]
    """The baselines' cells, in the order of `Comparison.others`."""
    difference: str
    interval: str
    """Of the difference."""
    verdict: str
    code: str
    """Of the verdict: `better`, `level` or `worse`."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The adapted model beside the one before it and the baselines."""

    headings: tuple[str, ...]
    """One for each cell of a row: measure, before, adapted, the baselines, difference, interval, verdict."""
    rows: tuple[Row, ...]


def stage_text(stage: str | None, words: Wording) -> str:
    """What is going on; None before the first stage."""
    return words(f"stages.{stage or 'begin'}")


def time_left(seconds: float | None, words: Wording) -> str:
    """How long it still takes, in the grain in which people wait."""
    if seconds is None:
        return words("progress.left_unknown")
    if seconds < 60:
        return words("progress.left_seconds")
    return words("progress.left_minutes", minutes=round(seconds / 60))


def outcome(report: Report, language: Language) -> str:
    """Whether the adapted model is used from now on."""
    words = wording(language, WORDS)
    return words("report.promoted" if report["promoted"] else "report.kept", version=report["version"])


def reasons(report: Report, language: Language) -> list[str]:
    """Why it was promoted or not, a sentence each."""
    words = wording(language, WORDS)
    said = []
    for reason in report["reasons"]:
        values = dict(reason["values"])
        if "measure" in values:
            values["measure"] = words(f"measures.{values['measure']}")
        said.append(words(f"reasons.{reason['code']}", **values))
    return said


def learned(report: Report, language: Language) -> list[str]:
    """From what it learned, how long, and how well that went, a sentence each."""
    words = wording(language, WORDS)
    spans = {
        f"{part}_{end}": report["dates"][part][place]
        for part in ("train", "validation", "test")
        for place, end in enumerate(("from", "to"))
    }
    first = words(
        "report.learned",
        products=count(report["products"], language),
        rows=count(report["rows"], language),
        duration=_duration(report["seconds"], words),
        **spans,
    )
    if not report["curve"]:
        return [first]
    chosen, losses = report["chosen"], [point["validation"] for point in report["curve"]]
    how = {
        "steps": count(chosen["steps"], language),
        "rank": chosen["rank"],
        "rate": f"{chosen['learning_rate']:g}",
    }
    if losses[-1] >= losses[0]:
        return [first, words("report.loss_stayed", **how)]
    fell = {"first": _number(losses[0], language), "best": _number(losses[-1], language)}
    return [first, words("report.loss_fell", **fell, **how)]


def comparison(report: Report, language: Language) -> Comparison:
    """All measures, side by side."""
    words = wording(language, WORDS)
    others = report["baselines"]
    return Comparison(
        headings=(
            *(words(f"columns.{name}") for name in ("measure", "base", "adapted")),
            *(words(f"baselines.{name}") for name in others),
            *(words(f"columns.{name}") for name in ("difference", "interval", "verdict")),
        ),
        rows=tuple(_row(measure, others.values(), words) for measure in report["measures"]),
    )


def cells(row: Row) -> tuple[str, ...]:
    """A row's cells in the order of the headings."""
    return (row.measure, row.base, row.adapted, *row.others, row.difference, row.interval, row.verdict)


def _row(measure: Mapping[str, Any], others: Iterable[Mapping[str, float | None]], words: Wording) -> Row:
    name, language = measure["measure"], words.language
    difference, low, high = (_difference(name, measure[key], words) for key in ("difference", "low", "high"))
    return Row(
        measure=words(f"measures.{name}"),
        base=value_text(name, measure["base"], language),
        adapted=value_text(name, measure["adapted"], language),
        others=tuple(value_text(name, _of_baseline(name, scores), language) for scores in others),
        difference=words("cells.points", value=difference) if name in SHARES else difference,
        interval=words("cells.interval", low=low, high=high),
        verdict=words(f"verdicts.{measure['verdict']}"),
        code=measure["verdict"],
    )


def _of_baseline(measure: str, scores: Mapping[str, float | None]) -> float | None:
    """A baseline's value of a measure; None where it has none, as only forecasts are asked of it."""
    if measure == "coverage":
        inside = scores["cover80"]
        return None if inside is None else abs(inside - 0.8)
    return scores.get(measure)


def value_text(measure: str, value: float | None, language: Language) -> str:
    """A measure's value as people read it; a dash where it could not be measured."""
    if value is None or math.isnan(value):
        return NOTHING
    if measure in SHARES:  # always one decimal, so that a column lines up
        return str(format_percent(value, format="0.0%", locale=LOCALES[language]))
    return _number(value, language)


def _difference(measure: str, value: float | None, words: Wording) -> str:
    """A signed difference, in percentage points where the measure is a share."""
    if value is None or math.isnan(value):
        return NOTHING
    decimals, unit = (2, 100.0) if measure in SHARES else (3, 1.0)
    return signed(_number(unit * value, words.language, decimals=decimals))


def _number(value: float, language: Language, *, decimals: int = 3) -> str:
    pattern = "#,##0." + "0" * decimals
    return str(format_decimal(round(value, decimals) + 0.0, format=pattern, locale=LOCALES[language]))


def _duration(seconds: float, words: Wording) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return words("report.seconds", seconds=rest)
    return words("report.minutes", minutes=minutes, seconds=rest)
