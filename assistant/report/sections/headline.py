"""The headline: what changes, what it is expected to bring, the largest risk; at most 120 words."""

from __future__ import annotations

from collections import Counter

from assistant.facts import INTERVAL_LEVEL, Fact, Sheet, count, total_decimals
from assistant.report.case import Case
from assistant.report.document import Indicator, Section
from assistant.report.scope import Composer, Scope
from assistant.report.statements import counted, values_of
from assistant.report.totals import GainTotal
from policy.decision.recommendation import Interval

LONGEST_NAME = 48
MOST_WORDS = 6
"""Characters and words of a product's name in the headline."""
FEWER_WORDS = 4
"""Of its words where the headline has a warning to make room for."""
SPOKEN = ("price", "current_price", "change", "gain", "gain_range", "interval")
"""What the headline says of a product."""


class Headline:
    """The first section."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._moves: Counter[str] = Counter()
        self._set_aside = 0
        self._gains: dict[tuple[str | None, str], GainTotal] = {}
        self._uncosted: Counter[str | None] = Counter()
        self._best: dict[str, Case] = {}
        self._worst: dict[str, Case] = {}

    def revenue_is_chosen(self, currency: str | None) -> bool:
        """Whether revenue is the aim by choice, not for want of costs."""
        total = self._gains.get((currency, "revenue"))
        return total is not None and self._uncosted[currency] < total.count

    @property
    def gains(self) -> dict[tuple[str | None, str], GainTotal]:
        """Of the suggested changes that are not set aside, by currency and objective."""
        return self._gains

    def add(self, case: Case) -> None:
        self._moves[case.move] += 1
        self._set_aside += case.set_aside
        gain = case.it.gain
        if not case.counts or gain is None:
            return
        self._gains.setdefault((case.it.currency, case.it.objective), GainTotal()).add(gain)
        self._uncosted[case.it.currency] += case.it.unit_cost is None
        aim = case.it.objective  # a gain of revenue is not the larger for being more than one of profit
        if aim not in self._best or gain.mean > _gain(self._best[aim]).mean:
            self._best[aim] = case
        if aim not in self._worst or gain.low < _gain(self._worst[aim]).low:
            self._worst[aim] = case

    def section(self, scope: Scope) -> Section:
        composer, words = self._composer, self._composer.statements.words
        sheet = scope.sheet()
        moves = self._moves
        counted(sheet, {"products": scope.products, "moves": moves["raise"] + moves["cut"]})
        counted(sheet, {key: moves[key] for key in ("raise", "cut", "keep")})
        counted(
            sheet, {"set_aside": self._set_aside, "counting": moves["raise"] + moves["cut"] - self._set_aside}
        )
        counted(sheet, {"not_priced": scope.products - sum(moves[key] for key in ("raise", "cut", "keep"))})
        sheet.percent("interval", INTERVAL_LEVEL)
        values = values_of(sheet) | {"period": scope.period_word}
        said = []
        if scope.outdated and scope.sales_end is not None:
            sheet.day("sales_end", scope.sales_end.isoformat())
            said.append(words("headline.outdated", **values | values_of(sheet)))
        said.append(words("headline.change" if moves["raise"] + moves["cut"] else "headline.none", **values))
        said += [words("headline.set_aside", **values)] if self._set_aside else []
        totals = self._totals(scope) if scope.one_currency else []
        for objective, own in totals:
            said.append(self._said_of_total(objective, own, values))
        if not scope.one_currency and self._gains:
            said.append(words("headline.currencies"))
        facts = [*sheet.facts, *(fact for _, own in totals for fact in own.facts)]
        products: dict[str, str] = {}
        names: list[str] = []
        if totals:
            most = FEWER_WORDS if scope.outdated else MOST_WORDS
            told, about = self._products(scope.currencies[0], values, most)
            said += told
            for case in about:
                facts += [fact for fact in case.facts if fact.key in SPOKEN]
                products |= case.products
                names += [*case.names, _short(case.name, most)]
        said.append(words("headline.nature") if self._gains and not scope.outdated else "")
        return Section(
            id="headline",
            title=words("headline.title"),
            sentences=composer.statements.checked("headline", said, facts, products=products, names=names),
            indicators=tuple(self._indicators(values, totals, scope)),
            facts=tuple(facts),
        )

    def _totals(self, scope: Scope) -> list[tuple[str, Sheet]]:
        """Facts of each objective's total, profit first."""
        found = []
        for objective in ("profit", "revenue"):
            total = self._gains.get((scope.currencies[0], objective))
            if total is not None:
                own = scope.sheet(f"report.{objective}")
                likely = total.independent
                decimals = total_decimals(scope.currency, likely.low, likely.high)
                own.total("gain_total", likely, decimals=decimals, sign=True)
                counted(own, {"gain_products": total.count})
                found.append((objective, own))
        return found

    def _said_of_total(self, objective: str, own: Sheet, values: dict[str, str]) -> str:
        total = next(it for (_, key), it in self._gains.items() if key == objective).independent
        sure = "sure" if total.low > 0 else "loss" if total.high < 0 else "unclear"
        words = self._composer.statements.words
        several = len(self._gains) > 1  # of one currency: of each aim
        told = {"together": words("headline.costed" if several else "headline.together")}
        told["aim"] = words(f"headline.aim_{'chosen' if self._chosen else 'uncosted'}")
        return words(f"headline.{objective}_{sure}", **values | values_of(own) | told)

    @property
    def _chosen(self) -> bool:
        return self.revenue_is_chosen(self._composer.currencies[0])

    def _products(
        self, currency: str | None, values: dict[str, str], most: int
    ) -> tuple[list[str], list[Case]]:
        """The largest gain and the largest risk of those with the aim that most changes have, in one sentence
        where they are the same product's."""
        words = self._composer.statements.words
        counts = {aim: total.count for (_, aim), total in self._gains.items()}
        aim = max(sorted(counts), key=counts.__getitem__)  # of as many, profit
        best, worst = self._best[aim], self._worst[aim]
        blind = self._uncosted[currency]
        if 2 * blind > sum(counts.values()):
            # Most changes could lose money and nobody would know: that outweighs any one product's range.
            known = values | {"gain_products": count(blind, self._composer.language)}
            return [
                words("headline.best", **values | _told(best, most)),
                words("headline.no_costs", **known),
            ], [best]
        if best is worst:
            return [words("headline.both", **values | _told(best, most))], [best]
        said, about = [words("headline.best", **values | _told(best, most))], [best]
        if _gain(worst).low < 0:
            return [*said, words("headline.risk", **values | _told(worst, most))], [best, worst]
        return [*said, words("headline.no_risk", **values)], about

    def _indicators(
        self, values: dict[str, str], totals: list[tuple[str, Sheet]], scope: Scope
    ) -> list[Indicator]:
        words = self._composer.statements.words
        found = []
        for objective, own in totals:
            told = values | values_of(own)
            aim = "chosen" if objective == "revenue" and self._chosen else objective
            total = self._gains[scope.currencies[0], objective].independent
            found.append(
                Indicator(
                    label=words(f"indicators.gain_{aim}", **told),
                    value=told["gain_total"],
                    note=words("indicators.range", **told | {"range": told["gain_total_range"]}),
                    tone="good" if total.low > 0 else "bad" if total.high < 0 else None,
                )
            )
        for key in ("moves", "priced"):
            found.append(
                Indicator(
                    label=words(f"indicators.{key}", **values),
                    value=values["moves"] if key == "moves" else self._priced(scope),
                    note=words(f"indicators.{key}_note", **values),
                )
            )
        return found

    def _priced(self, scope: Scope) -> str:
        sheet = scope.sheet()
        counted(sheet, {"priced": sum(self._moves[key] for key in ("raise", "cut", "keep"))})
        return values_of(sheet)["priced"]


def _gain(case: Case) -> Interval:
    assert case.it.gain is not None  # only such are kept
    return case.it.gain


def _short(name: str, most: int) -> str:
    words = name.split()
    whole, name = " ".join(words), " ".join(words[:most])
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1].rstrip()
    return name if name == whole else f"{name}…"


def _told(case: Case, most: int) -> dict[str, str]:
    facts: dict[str, Fact] = {fact.key: fact for fact in case.facts}
    told = {key: facts[key].value for key in SPOKEN if key in facts}
    return told | {"name": _short(case.name, most), "objective": facts["objective"].value}
