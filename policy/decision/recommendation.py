"""The decision record: what the policy recommends for one product, and everything that led to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from policy.history import Period

Objective = Literal["profit", "revenue"]
Confidence = Literal["high", "medium", "low"]
VerdictStatus = Literal["holds", "binds", "violated", "not_applicable"]
VerdictNote = Literal[
    "cost_unknown",
    "date_unknown",
    "not_frozen",
    "below_cost_exception",
    "exception_not_in_force",
    "other_market",
    "no_emergency",
    "price_before_unknown",
    "competitor_unknown",
    "competitor_stale",
    "alone_in_group",
    "single_unknown",
    "resale_price_maintenance",
]
"""Why a rule does not apply, or what to mind about it."""
AbstentionCode = Literal[
    "too_little_history",
    "price_never_varied",
    "cost_missing",
    "out_of_stock",
    "stale_data",
    "outside_known_range",
    "rules_infeasible",
]
"""Why no price is recommended. The product then keeps its price and `remedies` say what would help."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A posterior mean with its central 80 % interval, all in the unit of the quantity.

    Units, revenue and profit of an `Outcome` are those of a single period, chance of the day included; a
    gain and an elasticity are about averages, so only what is not known of demand is in their intervals."""

    mean: float
    low: float
    high: float

    def times(self, factor: float) -> Interval:
        """Of the quantity times a number."""
        low, high = sorted((self.low * factor, self.high * factor))
        return Interval(mean=self.mean * factor, low=low, high=high)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is expected per period at one price, over the horizon of the recommendation."""

    price: float
    """Price in store currency."""
    units: Interval
    """Units per period."""
    revenue: Interval
    """Store currency per period."""
    profit: Interval | None
    """Store currency per period; None where the unit cost is unknown."""


@dataclass(frozen=True, kw_only=True)
class Clamp:
    """One rule that moved the price, in the order in which the rules were applied."""

    rule: str
    """One of `policy.decision.bounds.ORDER`."""
    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one rule says of one price. Rules that are switched off say nothing."""

    rule: str
    """One of `policy.decision.bounds.ORDER`."""
    status: VerdictStatus
    """`binds`: the price stands at the rule's bound, so that the rule keeps it from going further."""
    low: float | None = None
    high: float | None = None
    """The first and the last price that the rule permits, store currency, in whole minor units where it is
    not another price that it must equal; None where it sets no end."""
    note: VerdictNote | None = None


@dataclass(frozen=True, kw_only=True)
class Driver:
    """How far one input moved the recommended price, by neutralising that input and asking again."""

    name: str
    """`unit_cost`, `competitor_price` or `stock`; `elasticity` for what the demand response asks for with all
    of these as usual."""
    contribution: float
    """Store currency, signed. Contributions share out model price minus current price, see
    `policy.decision.drivers`."""


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """One product's recommended price for its next period, with the evidence (JSON by `to_dict`).

    Where `abstained` is set, `price` is the current price, `model_price` is None (unless only the rules
    stand in its way), and the outcomes are given only where the policy can stand behind them.
    """

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    """ISO 4217 code where the history says so."""
    period: Period
    date: str
    """First day of the period being priced, ISO 8601."""
    periods_of_history: int
    objective: Objective
    """What was maximised: revenue where profit was asked for and cost is unknown."""

    current_price: float
    """Last price charged."""
    price: float
    """Recommended price after rules."""
    model_price: float | None
    """What the policy would charge without rules."""
    unit_cost: float | None
    competitor_price: float | None

    take: Outcome | None
    """At the recommended price."""
    keep: Outcome | None
    """At the current price."""
    gain: Interval | None
    """Objective at the recommended price minus objective at the current one, per period."""
    units_gain: Interval | None = None
    """Units at the recommended price minus units at the current one, per period; None in records of before
    it was kept, too."""
    revenue_gain: Interval | None = None
    """The same of revenue."""
    elasticity: Interval | None
    """Per cent change of units for one per cent change of price, at the current price; negative."""

    drivers: tuple[Driver, ...] = ()
    """Largest absolute contribution first."""
    clamps: tuple[Clamp, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    """What every rule that is set says of `price`, in the order of application; where the price is kept for
    want of one within all rules, those that it breaks are among them."""
    confidence: Confidence = "low"
    cautions: tuple[str, ...] = ()
    """Codes: `at_edge_of_known_prices`, `few_price_changes`, `stock_limits_sales`, `cost_missing`, ..."""
    abstained: AbstentionCode | None = None
    remedies: tuple[str, ...] = ()
    """Codes of what would fix an abstention or raise confidence, e.g. `add_cost`, `run_price_test`."""
    test_price: float | None = None
    """A price worth testing where uncertainty is worth buying down (`explore=True`, or abstained)."""

    model_hash: str = ""
    adapter_hash: str | None = None
    """Of the store's adapter that priced this product; None where the base did."""
    rules_hash: str = ""
    history_hash: str = ""
    """Hash of this product's canonical history, so that a record can be traced to its input."""

    @property
    def change(self) -> float:
        """Relative change from the current price, a fraction."""
        return self.price / self.current_price - 1.0

    @property
    def binding_rule(self) -> str | None:
        """The last rule that moved the price, or None."""
        return self.clamps[-1].rule if self.clamps else None

    @property
    def driver_remainder(self) -> float | None:
        """Model price minus current price minus all `drivers`, store currency: what contributions too small
        to be stated amount to. None where no price is recommended."""
        if self.abstained is not None or self.model_price is None:
            return None
        return self.model_price - self.current_price - sum(d.contribution for d in self.drivers)

    def repeats(self, other: Recommendation) -> bool:
        """Whether it advises what another did, from the same sales, rules and model. Their numbers then are
        the same but for rounding, which depends on what else was priced beside."""
        return all(getattr(self, name) == getattr(other, name) for name in _ADVICE)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, with what is derived (`change`, `binding_rule`, `driver_remainder`) included."""
        verdicts = {"verdicts": [asdict(it) for it in self.verdicts]}
        return asdict(self) | verdicts | {name: getattr(self, name) for name in _DERIVED}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recommendation:
        """The inverse of `to_dict`, for records read back from a store."""
        fields = {k: v for k, v in values.items() if k not in _DERIVED}
        for name in ("take", "keep"):
            if fields[name] is not None:
                fields[name] = _outcome(fields[name])
        for name in ("gain", "units_gain", "revenue_gain", "elasticity"):
            if fields.get(name) is not None:
                fields[name] = Interval(**fields[name])
        fields["drivers"] = tuple(Driver(**d) for d in fields["drivers"])
        fields["clamps"] = tuple(Clamp(**c) for c in fields["clamps"])
        fields["verdicts"] = tuple(
            Verdict(**v) for v in fields.get("verdicts", ())
        )  # older records have none
        for name in ("cautions", "remedies"):
            fields[name] = tuple(fields[name])
        return cls(**fields)


_ADVICE = (
    *("sku", "store", "date", "objective", "price", "abstained"),
    *("history_hash", "rules_hash", "model_hash", "adapter_hash"),
)
_DERIVED = ("change", "binding_rule", "driver_remainder")


def _outcome(values: Mapping[str, Any]) -> Outcome:
    intervals = {n: values[n] and Interval(**values[n]) for n in ("units", "revenue", "profit")}
    return Outcome(price=values["price"], **intervals)
