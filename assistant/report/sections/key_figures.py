"""Key figures, each only where the records carry it: money, margin, price index, promotions, stock cover."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from statistics import fmean, median

from assistant.facts import Sheet, count, money
from assistant.report.case import Case
from assistant.report.document import Indicator, Section
from assistant.report.scope import Composer, Scope
from assistant.report.statements import counted, values_of


@dataclass
class _Sums:
    """Expected money a period at the prices now and with every suggestion taken."""

    products: int = 0
    now: float = 0.0
    then: float = 0.0

    def add(self, now: float, then: float) -> None:
        self.products += 1
        self.now += now
        self.then += then


class KeyFigures:
    """Section `key_figures`."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._revenue, self._profit, self._costed = _Sums(), _Sums(), _Sums()
        self._own, self._rival = _Sums(), 0.0
        self._promo, self._cover = array("d"), array("d")

    def add(self, case: Case) -> None:
        it, standing = case.it, case.standing
        if case.entry.promo_share is not None:
            self._promo.append(case.entry.promo_share)
        if standing.cover is not None and standing.stock:
            self._cover.append(standing.cover)
        keep = it.keep
        if keep is None:
            return
        then = it.take if case.moves and it.take is not None else keep
        self._revenue.add(keep.revenue.mean, then.revenue.mean)
        if keep.profit is not None and then.profit is not None:
            self._profit.add(keep.profit.mean, then.profit.mean)
            self._costed.add(keep.revenue.mean, then.revenue.mean)
        if standing.competitor_price is not None and not standing.competitor_stale:
            # The same basket at both price lists: what is expected to sell at the prices now.
            self._own.add(it.current_price * keep.units.mean, then.price * keep.units.mean)
            self._rival += standing.competitor_price * keep.units.mean

    def section(self, scope: Scope) -> Section:
        words, sheet = self._composer.statements.words, scope.sheet("report.figures")
        counted(sheet, {"products": scope.products})
        said, shown = [], []
        if scope.one_currency and self._revenue.products:
            self._money(sheet, "revenue", self._revenue)
            said.append("revenue")
            shown.append("revenue")
        if scope.one_currency and self._profit.products:
            self._money(sheet, "profit", self._profit)
            sells = self._costed.now > 0 and self._costed.then > 0
            if sells:
                sheet.percent("margin_now", self._profit.now / self._costed.now)
                sheet.percent("margin_then", self._profit.then / self._costed.then)
            said.append("profit" if sells else "profit_alone")
            shown += ["profit", "margin"] if sells else ["profit"]
        elif self._revenue.products:
            said.append("no_cost" if not self._profit.products else "currencies")
        if scope.one_currency and self._rival > 0:
            sheet.percent("index_now", self._own.now / self._rival)
            sheet.percent("index_then", self._own.then / self._rival)
            counted(sheet, {"index_products": self._own.products})
            said.append("index")
            shown.append("index")
        elif not self._own.products:
            said.append("no_competitor")
        if self._promo:
            sheet.percent("promo_share", fmean(self._promo))
            counted(sheet, {"promo_products": len(self._promo)})
            said.append("promo")
            shown.append("promo_share")
        else:
            said.append("no_promo")
        if self._cover:
            assert scope.period is not None  # there are products
            cover = median(self._cover)
            sheet.span("cover", cover, scope.period)
            counted(sheet, {"cover_products": len(self._cover)})
            said.append("cover")
            shown.append("cover")
        else:
            said.append("no_stock")
        values = values_of(sheet) | {"period": scope.period_word}
        sentences = [words(f"key_figures.{key}", **values) for key in said]
        return Section(
            id="key_figures",
            title=words("key_figures.title"),
            sentences=self._composer.statements.checked("key_figures", sentences, sheet.facts),
            facts=tuple(sheet.facts),
            indicators=tuple(self._indicator(key, values) for key in shown),
        )

    def _money(self, sheet: Sheet, key: str, sums: _Sums) -> None:
        for side in ("now", "then"):
            amount = getattr(sums, side)
            text = money(amount, self._currency(), sheet.language, decimals=0)
            sheet.add(f"{key}_{side}", text, amount, self._currency() or "money")
        sheet.add(f"{key}_products", count(sums.products, sheet.language), sums.products, "count")

    def _currency(self) -> str | None:
        return self._composer.currencies[0]

    def _indicator(self, key: str, values: dict[str, str]) -> Indicator:
        words = self._composer.statements.words
        shown = key if key in values else f"{key}_now"
        return Indicator(
            label=words(f"indicators.{key}", **values),
            value=values[shown],
            note=words(f"indicators.{key}_note", **values),
        )
