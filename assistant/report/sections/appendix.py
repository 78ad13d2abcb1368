"""The appendix: how numbers were come by, both ends of the total's interval, versions, what was left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from assistant.facts import INTERVAL_LEVEL
from assistant.report.document import Row, Section, Table
from assistant.report.scope import Composer, Scope
from assistant.report.statements import counted, values_of
from assistant.report.totals import GainTotal


def appendix(
    composer: Composer,
    scope: Scope,
    manifest: Mapping[str, Any],
    gains: Mapping[tuple[str | None, str], GainTotal],
    *,
    revenue_is_chosen: Callable[[str | None], bool],
) -> Section:
    """Section `appendix`.

    Parameters
    ----------
    gains
        Of the suggested changes that are not set aside, by currency and objective.
    revenue_is_chosen
        Whether a currency's revenue is the aim by choice, not for want of costs.
    """
    statements, words = composer.statements, composer.statements.words
    sheet = scope.sheet("report.appendix")
    sheet.percent("interval", INTERVAL_LEVEL)
    counted(sheet, {"dropped": statements.dropped_count})
    values = values_of(sheet) | {"period": scope.period_word}
    said = [words(f"appendix.{key}", **values) for key in ("method", "interval", "total", "nature", "alone")]
    said += [words("appendix.dropped" if statements.dropped_count else "appendix.none_dropped", **values)]
    tables = [_totals(composer, scope, gains, revenue_is_chosen)] if gains else []
    columns = [composer.column("key", "code"), composer.column("value", "code")]
    tables.append(composer.table("manifest", columns, list(_flat(manifest))))
    if statements.dropped:
        columns = [composer.column("where", "code"), composer.column("text"), composer.column("figures")]
        rows: list[Row] = [vars(it) for it in statements.dropped]
        tables.append(composer.table("dropped", columns, rows))
    return Section(
        id="appendix",
        title=words("appendix.title"),
        sentences=statements.checked("appendix", said, sheet.facts),
        facts=tuple(sheet.facts),
        tables=tuple(tables),
    )


def _totals(
    composer: Composer,
    scope: Scope,
    gains: Mapping[tuple[str | None, str], GainTotal],
    revenue_is_chosen: Callable[[str | None], bool],
) -> Table:
    words, period = composer.statements.words, scope.period_word
    rows: list[Row] = []
    for (currency, objective), total in gains.items():
        aim = "chosen" if objective == "revenue" and revenue_is_chosen(currency) else objective
        row: dict[str, str | float | int | None] = {
            "currency": currency,
            "aim": words(f"appendix.aim_{aim}"),
            "products": total.count,
        }
        for key, found in (("independent", total.independent), ("together", total.together)):
            row |= {key: found.mean, f"{key}_low": found.low, f"{key}_high": found.high}
        rows.append(row)
    columns = [
        composer.column("aim"),
        composer.column("products", "count"),
        composer.column("independent", "total", signed=True, interval=True, period=period),
        composer.column("together", "total", signed=True, interval=True, period=period),
    ]
    return composer.table("totals", columns, rows, note={})


def _flat(value: Any, key: str = "") -> Iterator[Row]:
    """One row a value, its path as the key."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value, start=1):
            yield from _flat(inner, f"{key}.{i}")
    else:
        yield {"key": key, "value": value if value is None or isinstance(value, str) else json.dumps(value)}
