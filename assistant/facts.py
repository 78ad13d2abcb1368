"""Records of the policy as facts: flat, labelled, formatted once, so that words never compute or round."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from babel.core import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_precision

import prompts
from assistant.wording import Language

if TYPE_CHECKING:
    from policy.decision.given import QuestionError
    from policy.decision.outcomes import WhatIf
    from policy.decision.recommendation import Interval, Outcome, Recommendation

LOCALES: Mapping[Language, Locale] = {"en": Locale.parse("en_US"), "zh": Locale.parse("zh_CN")}
INTERVAL_LEVEL = 0.80
"""Share of outcomes that the policy's intervals are meant to hold (`Interval`)."""
WHOLE_MONEY_FROM = 100.0
"""Totals from here on are shown without cents; prices never are."""

Direction = Literal["raise", "cut", "keep"]


@dataclass(frozen=True)
class Fact:
    """One number or word that an answer may use, exactly as `value` prints it."""

    id: str
    """Subject and key, e.g. `CAN-LAV-200.price`."""
    key: str
    """What it is, e.g. `price`, `gain_range`, `driver.stock`."""
    label: str
    """The name of the quantity in the answer's language."""
    value: str
    """Formatted in the answer's language, e.g. `$15.49`, `-13.9%`, `29–40`."""
    raw: float | None
    """The number behind it, unrounded: money, units, a fraction for percent; None for ranges and words."""
    unit: str
    """ISO currency code, `money` (currency unknown), `percent`, `units`, `count`, `elasticity`, `date`,
    `day`, `week`, `month`, or `text`."""

    @property
    def subject(self) -> str:
        """What the fact is about: facts of one subject belong together."""
        return self.id.removesuffix(f".{self.key}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@cache
def labels(language: Language) -> Mapping[str, Mapping[str, Any]]:
    """`prompts/<language>/labels.toml`: what facts, rules and reasons are called."""
    return tomllib.loads(prompts.load(language, "labels.toml"))


def money(value: float, currency: str | None, language: Language, *, decimals: int | None = None) -> str:
    """A price or amount, e.g. `$15.49`, `-¥3.00`; a plain number where the currency is unknown.

    >>> money(-1.1, "USD", "en"), money(15.4873, None, "en"), money(980.0, "JPY", "zh")
    ('-$1.10', '15.49', 'JP¥980')
    """
    if decimals is None:
        decimals = get_currency_precision(currency) if currency else 2
    value = round(value, decimals) + 0.0  # no "-0.00"
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    if currency is None:
        return str(format_decimal(value, format=pattern, locale=LOCALES[language]))
    pattern, locale = "¤" + pattern, LOCALES[language]
    return str(format_currency(value, currency, format=pattern, locale=locale, currency_digits=False))


def total_decimals(currency: str | None, *values: float) -> int:
    """Decimals for totals shown side by side: cents only where all of them are small."""
    if max(map(abs, values), default=0.0) >= WHOLE_MONEY_FROM:
        return 0
    return get_currency_precision(currency) if currency else 2


def signed(text: str) -> str:
    """The formatted amount with its sign shown, unless it prints as zero."""
    if text.startswith("-") or not any(digit in text for digit in "123456789"):
        return text
    return f"+{text}"


def percent(fraction: float, language: Language, *, sign: bool = False) -> str:
    """One decimal at most: 0.1 is `10%`, and `+10%` with its sign."""
    value = round(fraction, 3) + 0.0
    text = str(format_percent(value, format="#,##0.#%", locale=LOCALES[language]))
    return signed(text) if sign else text


def quantity(value: float, language: Language) -> str:
    """Units: two decimals below one, one below ten, whole to a thousand, then three digits that count.

    >>> [quantity(x, "en") for x in (0.42, 3.44, 34.4, 1234.0, 98765.0)]
    ['0.42', '3.4', '34', '1,230', '98,800']
    """
    size = abs(value)
    decimals = 2 if size < 1 else 1 if size < 10 else 0 if size < 1000 else 2 - math.floor(math.log10(size))
    return str(format_decimal(round(value, decimals) + 0.0, format="#,##0.##", locale=LOCALES[language]))


def count(value: int, language: Language) -> str:
    return str(format_decimal(value, format="#,##0", locale=LOCALES[language]))


def span(number: float, period: str, language: Language) -> str:
    """So many days, weeks or months: two decimals below one, one below ten, then whole.

    >>> span(1, "week", "en"), span(1.04, "week", "en"), span(3.44, "day", "en"), span(104, "week", "zh")
    ('1 week', '1 week', '3.4 days', '104 周')
    """
    size = abs(number)
    shown = round(number, 2 if size < 1 else 1 if size < 10 else 0)
    forms: Mapping[str, str] = labels(language)["periods"][period]
    plural = LOCALES[language].plural_form(shown)
    text = str(format_decimal(shown + 0.0, format="#,##0.##", locale=LOCALES[language]))
    return forms.get(plural, forms["other"]).format(count=text)


def direction(current: float, price: float, currency: str | None) -> Direction:
    """Where the price moves, as the merchant would see it on the tag."""
    now, then = (money(x, currency, "en") for x in (current, price))
    return "keep" if now == then else "raise" if price > current else "cut"


class Sheet:
    """Collects the facts of one subject; values that are missing or not finite leave no fact."""

    def __init__(
        self,
        subject: str,
        language: Language,
        *,
        period: str = "",
        currency: str | None = None,
        section: str = "",
    ) -> None:
        self.facts: list[Fact] = []
        self.language = language
        self._subject, self._currency = subject, currency
        tables = labels(language)
        self._labels = {**tables["facts"], **tables.get(section, {})}
        self._period = tables["period"].get(period, "")

    def add(self, key: str, value: str, raw: float | None, unit: str, label: str | None = None) -> None:
        named = label or self._labels[key].format(period=self._period)
        number = None if raw is None else float(raw)  # NumPy's would not survive the checkpoints
        self.facts.append(Fact(f"{self._subject}.{key}", key, named, value, number, unit))

    def price(self, key: str, value: float | None, *, label: str | None = None, sign: bool = False) -> None:
        if value is not None and math.isfinite(value):
            text = money(value, self._currency, self.language)
            self.add(key, signed(text) if sign else text, value, self._currency or "money", label)

    def percent(self, key: str, value: float | None, *, label: str | None = None, sign: bool = False) -> None:
        if value is not None and math.isfinite(value):
            self.add(key, percent(value, self.language, sign=sign), value, "percent", label)

    def total(self, key: str, value: Interval, *, decimals: int, sign: bool = False) -> None:
        """Money a period as `key`, its 80 % interval as `key_range`."""
        if not all(map(math.isfinite, (value.mean, value.low, value.high))):
            return
        mean, low, high = (
            signed(text) if sign else text
            for text in (
                money(x, self._currency, self.language, decimals=decimals)
                for x in (value.mean, value.low, value.high)
            )
        )
        self.add(key, mean, value.mean, self._currency or "money")
        self._range(key, low, high, self._currency or "money")

    def units(self, key: str, value: Interval) -> None:
        if all(map(math.isfinite, (value.mean, value.low, value.high))):
            mean, low, high = (quantity(x, self.language) for x in (value.mean, value.low, value.high))
            self.add(key, mean, value.mean, "units")
            self._range(key, low, high, "units")

    def elasticity(self, value: Interval | None) -> None:
        if value is not None and all(map(math.isfinite, (value.mean, value.low, value.high))):
            mean, low, high = (f"{round(x, 1) + 0.0:.1f}" for x in (value.mean, value.low, value.high))
            self.add("elasticity", mean, value.mean, "elasticity")
            self._range("elasticity", low, high, "elasticity")

    def span(self, key: str, number: float, period: str) -> None:
        self.add(key, span(number, period, self.language), number, period)

    def day(self, key: str, iso: str, *, label: str | None = None) -> None:
        self.add(key, day(iso, self.language), None, "date", label)

    def outcomes(self, take: Outcome | None, keep: Outcome | None, unit_cost: float | None) -> None:
        """What is expected at one price and at the current one, the money of both to the same decimals."""
        sides = [(name, side) for name, side in (("take", take), ("keep", keep)) if side is not None]
        for name, side in sides:
            self.units(f"units_{name}", side.units)
        for name, side in sides:
            shown = [x for _, other in sides for x in (other.revenue.low, other.revenue.high)]
            self.total(f"revenue_{name}", side.revenue, decimals=total_decimals(self._currency, *shown))
        for name, side in sides:
            if side.profit is not None:
                shown = [x for _, o in sides if o.profit for x in (o.profit.low, o.profit.high)]
                self.total(f"profit_{name}", side.profit, decimals=total_decimals(self._currency, *shown))
        for name, side in sides:
            if unit_cost is not None:
                self.percent(f"margin_{name}", (side.price - unit_cost) / side.price)

    def gain(self, value: Interval | None) -> None:
        if value is not None:
            decimals = total_decimals(self._currency, value.low, value.high)
            self.total("gain", value, decimals=decimals, sign=True)

    def _range(self, key: str, low: str, high: str, unit: str) -> None:
        pattern = labels(self.language)["range"]["units" if unit == "units" else "money"]
        self.add(f"{key}_range", pattern.format(low=low, high=high), None, unit)


def subject_of(sku: str, store: str | None) -> str:
    """The subject of a product's facts: its SKU, with the outlet where there is one."""
    return f"{sku}@{store}" if store else sku


def facts_for(recommendation: Recommendation, language: Language) -> list[Fact]:
    """Everything that may be said about one recommendation, the most important first."""
    it = recommendation
    words = labels(language)
    sheet = Sheet(subject_of(it.sku, it.store), language, period=it.period, currency=it.currency)
    if it.abstained is None:
        sheet.price("price", it.price)
    sheet.price("current_price", it.current_price)
    if it.abstained is None:
        sheet.percent("change", it.change, sign=True)
        sheet.gain(it.gain)
    sheet.outcomes(it.take if it.abstained is None else None, it.keep, it.unit_cost)
    sheet.elasticity(it.elasticity)
    sheet.price("unit_cost", it.unit_cost)
    sheet.price("competitor_price", it.competitor_price)
    if it.clamps:
        sheet.price("model_price", it.model_price)
    sheet.price("test_price", it.test_price)
    for driver in it.drivers:
        label = words["facts"]["driver"].format(driver=words["drivers"].get(driver.name, driver.name))
        sheet.price(f"driver.{driver.name}", driver.contribution, label=label, sign=True)
    for clamp in it.clamps:
        for side, value in (("before", clamp.before), ("after", clamp.after)):
            label = words["facts"][f"clamp_{side}"].format(rule=words["rules"].get(clamp.rule, clamp.rule))
            sheet.price(f"clamp.{clamp.rule}.{side}", value, label=label)
    sheet.span("history", it.periods_of_history, it.period)
    sheet.day("date", it.date)
    if any(fact.key.endswith("_range") for fact in sheet.facts):
        sheet.percent("interval", INTERVAL_LEVEL)
    sheet.add("objective", words["objective"][it.objective], None, "text")
    if it.abstained is not None:
        sheet.add("abstained", words["abstained"][it.abstained], None, "text")
    else:
        sheet.add("confidence", words["confidence"][it.confidence], None, "text")
    if it.binding_rule is not None:
        sheet.add("binding_rule", words["rules"].get(it.binding_rule, it.binding_rule), None, "text")
    return sheet.facts


def what_if_facts(what_if: WhatIf, language: Language) -> list[Fact]:
    """Facts at one asked price against keeping the current one; ids hold the asked price."""
    it = what_if
    subject = f"{subject_of(it.sku, it.store)}.at_{it.at.price:.6g}"
    sheet = Sheet(subject, language, period=it.period, currency=it.currency, section="what_if")
    sheet.price("price", it.at.price)
    sheet.price("current_price", it.keep.price)
    sheet.percent("change", it.at.price / it.keep.price - 1.0, sign=True)
    sheet.gain(it.gain)
    sheet.outcomes(it.at, it.keep, it.unit_cost)
    sheet.elasticity(it.elasticity)
    sheet.price("unit_cost", it.unit_cost)
    sheet.price("competitor_price", it.competitor_price)
    low, high = (money(x, it.currency, language) for x in (it.known_low, it.known_high))
    tried = labels(language)["range"]["money"].format(low=low, high=high)
    sheet.add("tried_range", tried, None, it.currency or "money")
    sheet.percent("interval", INTERVAL_LEVEL)
    sheet.add("objective", labels(language)["objective"][it.objective], None, "text")
    return sheet.facts


def verdict_facts(it: Recommendation, language: Language) -> list[Fact]:
    """The lowest and the highest price that each rule permits, as `rule.max_change.high` and so on."""
    words = labels(language)
    sheet = Sheet(subject_of(it.sku, it.store), language, period=it.period, currency=it.currency)
    for verdict in it.verdicts:
        rule = words["rules"][verdict.rule]
        for end, value in (("low", verdict.low), ("high", verdict.high)):
            label = words["facts"][f"rule_{end}"].format(rule=rule)
            sheet.price(f"rule.{verdict.rule}.{end}", value, label=label)
    return sheet.facts


def rule_fault(error: BaseException | None, language: Language) -> dict[str, str]:
    """What is wrong with a rule, as `error`, in the merchant's language; nothing where nothing is."""
    from policy.decision.clauses import RuleError

    if not isinstance(error, RuleError):
        return {}
    words = labels(language)
    name = {**words["rule_parts"], **words["rule_fields"]}[error.name]
    return {"error": words["rule_faults"][error.code].format(name=name)}


def day(text: str, language: Language) -> str:
    """A date in ISO 8601 as people read it, e.g. `Nov 23, 2026`."""
    return str(format_date(date.fromisoformat(text[:10]), "medium", locale=LOCALES[language]))


def question_text(error: QuestionError, language: Language) -> str:
    """What is wrong with a question to the policy, in the merchant's language."""
    words, values = labels(language), dict(error.values)
    if "name" in values:
        values["name"] = words["inputs"].get(str(values["name"]), values["name"])
    if "period" in values:
        values["period"] = words["period"].get(str(values["period"]), values["period"])
    for key in ("date", "first", "end"):
        if key in values:
            values[key] = day(str(values[key]), language)
    return str(words["questions"][error.code]).format_map(values)


def moment(at: datetime, language: Language) -> str:
    """The day of a moment by this computer's clock, as people read it."""
    return day(at.astimezone().date().isoformat(), language)


def counts_facts(subject: str, counts: Mapping[str, int], language: Language) -> list[Fact]:
    """How many products there are of each kind, e.g. in the overview of a catalogue."""
    words = labels(language)
    sheet = Sheet(subject, language, section="overview")
    for key, number in counts.items():
        reason = key.removeprefix("gap.")
        label = None
        if (
            reason != key and key not in words["overview"]
        ):  # a product may be priced though its cost is missing
            label = words["overview"]["gap"].format(reason=words["abstained"][reason])
        sheet.add(key, count(number, language), number, "count", label)
    return sheet.facts


def gain_total_facts(recommendations: Iterable[Recommendation], language: Language) -> list[Fact]:
    """The summed expected gain of all suggestions, by objective; none where currencies or periods differ.

    A sum of means is the mean of the sum whatever the correlation; its interval is not, so none is given.
    """
    priced = [it for it in recommendations if it.abstained is None and it.gain is not None]
    if len({(it.currency, it.period) for it in priced}) != 1:
        return []
    first = priced[0]
    sheet = Sheet("overview", language, period=first.period, currency=first.currency, section="overview")
    for objective in ("profit", "revenue"):
        gains = [it.gain.mean for it in priced if it.gain is not None and it.objective == objective]
        if gains:
            decimals = total_decimals(first.currency, sum(gains))
            text = money(sum(gains), first.currency, language, decimals=decimals)
            sheet.add(f"gain_{objective}_total", signed(text), sum(gains), first.currency or "money")
    return sheet.facts
