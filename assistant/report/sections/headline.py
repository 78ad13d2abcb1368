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
MOST_WORDS = 8
"""Characters and words of a product's name in the headline."""
SPOKEN = ("price", "current_price", "change", "gain", "gain_range", "interval")
"""What the headline says of a product."""


class Headline:
    """The first section."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._moves: Counter[str] = Counter()
        self._gains: dict[tuple[str | None, str], GainTotal] = {}
        self._best: Case | None = None
        self._worst: Case | None = None

    @property
    def gains(self) -> dict[tuple[str | None, str], GainTotal]:
        """Of the suggested changes, by currency and objective."""
        return self._gains

    def add(self, case: Case) -> None:
        self._moves[case.move] += 1
        gain = case.it.gain
        if not case.moves or gain is None:
            return
        self._gains.setdefault((case.it.currency, case.it.objective), GainTotal()).add(gain)
        if self._best is None or gain.mean > _gain(self._best).mean:
            self._best = case
        if self._worst is None or gain.low < _gain(self._worst).low:
            self._worst = case

    def section(self, scope: Scope) -> Section:
        composer, words = self._composer, self._composer.statements.words
        sheet = scope.sheet()
        moves = self._moves
        counted(sheet, {"products": scope.products, "moves": moves["raise"] + moves["cut"]})
        counted(sheet, {key: moves[key] for key in ("raise", "cut", "keep")})
        counted(sheet, {"not_priced": scope.products - sum(moves[key] for key in ("raise", "cut", "keep"))})
        sheet.percent("interval", INTERVAL_LEVEL)
        values = values_of(sheet) | {"period": scope.period_word}
        said = [words("headline.change" if moves["raise"] + moves["cut"] else "headline.none", **values)]
        totals = self._totals(scope) if scope.one_currency else []
        for objective, own in totals:
            said.append(self._said_of_total(objective, own, values))
        if not scope.one_currency and self._gains:
            said.append(words("headline.currencies"))
        facts = [*sheet.facts, *(fact for _, own in totals for fact in own.facts)]
        products: dict[str, str] = {}
        names: list[str] = []
        if scope.one_currency and self._worst is not None and self._best is not None:
            told, about = self._products(self._best, self._worst, values)
            said += told
            for case in about:
                facts += [fact for fact in case.facts if fact.key in SPOKEN]
                products |= case.products
                names += [*case.names, _short(case.name)]
        said.append(words("headline.nature") if self._gains else "")
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
        return self._composer.statements.words(f"headline.{objective}_{sure}", **values | values_of(own))

    def _products(self, best: Case, worst: Case, values: dict[str, str]) -> tuple[list[str], list[Case]]:
        """The largest gain and the largest risk, in one sentence where they are the same product's."""
        words = self._composer.statements.words
        blind = self._gains.get((worst.it.currency, "revenue"))
        moves = self._moves["raise"] + self._moves["cut"]
        if blind is not None and 2 * blind.count > moves:
            # Most changes could lose money and nobody would know: that outweighs any one product's range.
            known = values | {"gain_products": count(blind.count, self._composer.language)}
            return [words("headline.best", **values | _told(best)), words("headline.no_costs", **known)], [
                best
            ]
        if best is worst:
            return [words("headline.both", **values | _told(best))], [best]
        said, about = [words("headline.best", **values | _told(best))], [best]
        if _gain(worst).low < 0:
            return [*said, words("headline.risk", **values | _told(worst))], [best, worst]
        return [*said, words("headline.no_risk", **values)], about

    def _indicators(
        self, values: dict[str, str], totals: list[tuple[str, Sheet]], scope: Scope
    ) -> list[Indicator]:
        words = self._composer.statements.words
        found = []
        for objective, own in totals:
            told = values | values_of(own)
            total = self._gains[scope.currencies[0], objective].independent
            found.append(
                Indicator(
                    label=words(f"indicators.gain_{objective}", **told),
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


def _short(name: str) -> str:
    words = name.split()
    whole, name = " ".join(words), " ".join(words[:MOST_WORDS])
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1].rstrip()
    return name if name == whole else f"{name}…"


def _told(case: Case) -> dict[str, str]:
    facts: dict[str, Fact] = {fact.key: fact for fact in case.facts}
    told = {key: facts[key].value for key in SPOKEN if key in facts}
    return told | {"name": _short(case.name), "objective": facts["objective"].value}
