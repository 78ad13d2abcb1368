"""What a report knows of one product, in raw numbers and plain JSON; words come later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from assistant.wording import Language

if TYPE_CHECKING:
    from assistant.store.reports import LastRuling, RowsSetAside
    from policy.decision.recommendation import Recommendation
    from policy.decision.standing import Standing
    from policy.evaluation.track_record import Foretold


@dataclass(frozen=True, kw_only=True)
class Sales:
    """What was charged and sold, for the figure; arrays of one length, oldest first."""

    dates: tuple[str, ...]
    """First day of each period, ISO 8601."""
    prices: tuple[float, ...]
    """Store currency."""
    units: tuple[float | None, ...]
    """Units per period; None where unknown."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Expected outcome of the next period against price, for the figure; arrays of one length."""

    prices: tuple[float, ...]
    """Store currency, increasing."""
    units: tuple[float, ...]
    """Mean units per period."""
    units_low: tuple[float, ...]
    units_high: tuple[float, ...]
    """80 % interval."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The price that the suggested cut may be announced against (`policy.decision.reference_price`)."""

    profile: str
    price: float | None
    """Lowest price of the days before, store currency; None where the records do not tell."""
    discount: float | None
    """The largest reduction that may be claimed for the suggested price, a fraction of `price`."""
    blocked: str | None
    """Why no reduction may be claimed: a `Block` of the policy."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One product in one outlet."""

    recommendation: Recommendation
    standing: Standing
    category: str | None
    sales: Sales
    curve: Curve | None
    """None where the policy abstains for want of a demand curve."""
    reference: Reference | None
    """Where the suggestion is a cut, which could be announced."""
    promo_share: float | None
    """Share of the known periods with a promotion, 0 to 1; None where the records do not tell."""
    decision_id: str
    """Of the recommendation in the shop's records."""
    earlier: Recommendation | None
    """What the last report recommended for this product; None where it is in none."""
    foretold: tuple[Foretold, ...]
    """Forecasts of earlier reports whose period has come, against what was sold."""
    elsewhere: int = 0
    """Periods that have come and were forecast, but at none of the prices that were charged."""

    @property
    def unchanged(self) -> bool:
        """Whether the last report advised the same from the same sales, rules and model."""
        return self.earlier is not None and self.recommendation.repeats(self.earlier)

    def silent(self, newest: str) -> bool:
        """Whether nothing of it is on record of the shop's `newest` period, not even that none was sold."""
        return self.standing.last_date < newest

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "recommendation": self.recommendation.to_dict(),
            "standing": dict(vars(self.standing)),
            "category": self.category,
            "sales": dict(vars(self.sales)),  # `asdict` would copy number by number
            "curve": self.curve and dict(vars(self.curve)),
            "reference": self.reference and dict(vars(self.reference)),
            "promo_share": self.promo_share,
            "decision_id": self.decision_id,
            "earlier": self.earlier and self.earlier.to_dict(),
            "foretold": [asdict(it) for it in self.foretold],
            "elsewhere": self.elsewhere,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Entry:
        """The inverse of `to_dict`."""
        from policy.decision.recommendation import Interval, Recommendation
        from policy.decision.standing import Standing
        from policy.evaluation.track_record import Foretold

        curve, reference, earlier = values["curve"], values["reference"], values["earlier"]
        return cls(
            recommendation=Recommendation.from_dict(values["recommendation"]),
            standing=Standing(**values["standing"]),
            category=values["category"],
            sales=Sales(**{name: tuple(column) for name, column in values["sales"].items()}),
            curve=curve and Curve(**{name: tuple(column) for name, column in curve.items()}),
            reference=reference and Reference(**reference),
            promo_share=values["promo_share"],
            decision_id=values["decision_id"],
            earlier=earlier and Recommendation.from_dict(earlier),
            foretold=tuple(
                Foretold(**it | {"expected": Interval(**it["expected"])}) for it in values["foretold"]
            ),
            elsewhere=values["elsewhere"],
        )


@dataclass(frozen=True, kw_only=True)
class Unpriced:
    """A product that could not even be looked at: the rest of the report stands without it."""

    sku: str
    store: str | None
    reasons: Mapping[Language, str]
    """What is wrong with its records and what to do, one line in each language."""


@dataclass(frozen=True, kw_only=True)
class Gone:
    """A product of the last report that this one says nothing of."""

    sku: str
    store: str | None
    name: str | None
    currency: str | None
    suggested: float | None
    """By the last report, store currency; None where it had no suggestion."""
    last_date: str | None
    """First day of its last period on record, ISO 8601; None where the shop has no records of it any more."""
    why: Literal["unread", "missing"]
    """Its records cannot be read any more, or the shop has none."""


@dataclass(frozen=True, kw_only=True)
class Priced:
    """A catalogue that was priced, batch by batch: what a report is written from."""

    entries: Iterable[Entry]
    """Can be gone through again and again, a product in memory at a time; in order of (store, sku)."""
    unpriced: Iterable[Unpriced]
    made_at: str
    """ISO 8601, by the clock of the place where it was made."""
    last_report: str | None
    """When the last report on this shop was made, ISO 8601; None for the first."""
    newest: str
    """First day of the shop's newest period on record, ISO 8601."""
    manifest: Mapping[str, Any]
    """Versions, hashes, settings and inputs."""
    gone: Sequence[Gone] = ()
    """Products that were in the last report and are not among these."""
    set_aside: Sequence[RowsSetAside] = ()
    """Rows of the files imported since the last report that could not be read."""
    rulings: Mapping[tuple[str, str | None], LastRuling] = field(default_factory=dict)
    """What was decided last of each product, by SKU and outlet."""
    since_last: bool = False
    """Whether only what changed since the last report is to be acted on: not entries that are `unchanged`."""
