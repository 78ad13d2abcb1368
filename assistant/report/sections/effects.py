"""Where the money comes from: the effect of the prices apart from the effect of the units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from assistant.facts import money, signed
from assistant.report.case import Case
from assistant.report.document import Row, Section
from assistant.report.scope import Composer, Scope
from assistant.report.statements import values_of
from assistant.report.totals import Effect, adding_decimals, effect_of

Group = tuple[str | None, str, str]
"""Currency; `all`, `raise`, `cut` or `category`; the category's name."""
MOST_CATEGORIES = 50


class Effects:
    """Section `effects`."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._groups: defaultdict[Group, Effect] = defaultdict(Effect)

    def add(self, case: Case) -> None:
        it = case.it
        if not case.moves or it.take is None or it.keep is None:
            return
        effect = effect_of(it.take, it.keep)
        self._groups[it.currency, "all", ""].add(effect)
        self._groups[it.currency, case.move, ""].add(effect)
        if case.entry.category:
            self._groups[it.currency, "category", case.entry.category].add(effect)

    def section(self, scope: Scope) -> Section:
        composer, words, period = self._composer, self._composer.statements.words, scope.period_word
        if not self._groups:
            said = (words("effects.none"),)
            return Section(id="effects", title=words("effects.title"), sentences=said)
        sheet = scope.sheet("report.effects")
        said_keys = []
        if scope.one_currency:
            total = self._groups[scope.currencies[0], "all", ""]
            for kind in ("revenue", "profit") if total.costed else ("revenue",):
                amounts = {
                    key: float(getattr(total, name))
                    for key, name in (
                        (kind, kind),
                        (f"{kind}_price", f"{kind}_price"),
                        (f"{kind}_volume", f"{kind}_volume"),
                    )
                }
                decimals = adding_decimals(scope.currency, *amounts.values())
                for key, amount in amounts.items():
                    text = signed(money(amount, scope.currency, scope.language, decimals=decimals))
                    sheet.add(f"{key}_effect", text, amount, scope.currency or "money")
                said_keys.append(kind)
        values = values_of(sheet) | {"period": period}
        said_all = [words(f"effects.{key}", **values) for key in said_keys] + [words("effects.how")]
        costed = any(effect.costed for effect in self._groups.values())
        columns = [composer.column("group"), composer.column("products", "count")]
        for kind in ("revenue", "profit") if costed else ("revenue",):
            columns += [
                composer.column(
                    f"{kind}_price", "total", signed=True, label="price_effect_" + kind, period=period
                ),
                composer.column(
                    f"{kind}_volume", "total", signed=True, label="volume_effect_" + kind, period=period
                ),
                composer.column(f"{kind}_change", "total", signed=True, period=period),
            ]
        return Section(
            id="effects",
            title=words("effects.title"),
            sentences=composer.statements.checked("effects", said_all, sheet.facts),
            facts=tuple(sheet.facts),
            tables=(composer.table("effects", columns, list(self._rows()), note={} if costed else None),),
        )

    def _rows(self) -> Iterator[Row]:
        words = self._composer.statements.words
        for currency in self._composer.currencies:
            for kind in ("all", "raise", "cut"):
                if (currency, kind, "") in self._groups:
                    yield _row(words(f"effects.group_{kind}"), self._groups[currency, kind, ""], currency)
            own = [(key[2], it) for key, it in self._groups.items() if key[:2] == (currency, "category")]
            own.sort(key=lambda pair: -abs(pair[1].revenue))
            for name, effect in own[:MOST_CATEGORIES]:
                yield _row(words("effects.group_category", category=name), effect, currency)


def _row(group: str, it: Effect, currency: str | None) -> Row:
    row: dict[str, float | int | str | None] = {
        "group": group,
        "products": it.products,
        "revenue_price": it.revenue_price,
        "revenue_volume": it.revenue_volume,
        "revenue_change": it.revenue,
        "currency": currency,
    }
    if it.costed:
        row |= {
            "profit_price": it.profit_price,
            "profit_volume": it.profit_volume,
            "profit_change": it.profit,
        }
    return row
