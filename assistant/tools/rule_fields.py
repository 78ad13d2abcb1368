"""The rules as a tool takes them: one field a rule, those left out staying as they are."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float | None, Field(description="A fraction: 0.1 is 10 %. null switches it off.")]
Money = Annotated[float | None, Field(description="A price in the shop's currency. null switches it off.")]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FreezeDays(_Told):
    """Days on which the price may not change, both ends among them."""

    start: dt.date
    end: dt.date
    reason: str = ""


class ExceptionTold(_Told):
    """A one-off: below cost, or under the margin floor, for a reason and for a time."""

    reason: Annotated[str, Field(description="The merchant's own words.", min_length=1)]
    until: Annotated[dt.date, Field(description="The last day on which it holds.")]
    floor: Annotated[float, Field(description="Lowest price even so, a share of unit cost in (0, 1].")]


class MinimumTold(_Told):
    """The lowest price that the supplier permits in one market."""

    market: str
    price: float


class IndexTold(_Told):
    """Bounds on price over the competitor's price: at most 5 % above is a high of 1.05."""

    low: float | None = None
    high: float | None = None
    max_age_days: int = 14


class PackTold(_Told):
    """What the product is a pack of."""

    sku: Annotated[str, Field(description="The single product's.")]
    units: int
    min_saving: Annotated[float, Field(description="Smallest saving a unit, a fraction.")] = 0.0


class RuleChanges(_Told):
    """New values of rules, by name. null switches a rule off; what is left out stays as it is."""

    max_change: Fraction = None
    max_increase: Fraction = None
    max_decrease: Fraction = None
    lowest_price: Money = None
    highest_price: Money = None
    freezes: Annotated[
        list[FreezeDays] | None, Field(description="More price freezes; null lifts those set here.")
    ] = None
    min_margin: Annotated[
        float | None, Field(description="(price - cost) / price, not mark-up on cost: 0.3 is 30 %.")
    ] = None
    allow_below_cost: bool = False
    below_cost_exception: ExceptionTold | None = None
    minimum_advertised_price: Annotated[
        float | None, Field(description="The supplier's lowest price (MAP), in the shop's currency.")
    ] = None
    minimum_by_market: Annotated[
        list[MinimumTold] | None, Field(description="More markets with a minimum of their own.")
    ] = None
    market: str | None = None
    essential: Annotated[bool, Field(description="Whether the law caps it in an emergency.")] = False
    emergency_since: dt.date | None = None
    competitor_index: IndexTold | None = None
    price_ending: Annotated[
        float | None, Field(description="0.99 for 4.99, 0.9 for 4.90, 0 for whole, 9 for 19 and 139.")
    ] = None
    price_group: Annotated[
        str | None, Field(description="Products with the same word here have one price.")
    ] = None
    pack_of: PackTold | None = None

    @property
    def told(self) -> dict[str, Any]:
        """Those that were said, in JSON types."""
        return self.model_dump(mode="json", exclude_unset=True)
