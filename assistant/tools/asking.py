"""Arguments that several tools take: time, fees, and assumed circumstances of one question."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Periods = Annotated[
    int | None, Field(description="How many of the shop's periods (see above), in place of `until`.", ge=1)
]
Start = Annotated[str | None, Field(description="First day, ISO 8601; the next period by default.")]
Until = Annotated[str | None, Field(description="Last day, ISO 8601.")]
FeePercent = Annotated[
    float | None, Field(description="Selling fee or commission, per cent of the price.", ge=0, lt=100)
]
Shipping = Annotated[
    float | None, Field(description="Shipping, packing or fixed fee that each unit costs the seller.", ge=0)
]
UnitCost = Annotated[float | None, Field(description="Another unit cost to assume.", gt=0)]
CostPercent = Annotated[
    float | None, Field(description="Or a change of the unit cost on record: 8 is 8 % up.", gt=-100)
]
CompetitorPrice = Annotated[float | None, Field(description="Another competitor's price to assume.", gt=0)]
Stock = Annotated[float | None, Field(description="Units on hand to assume.", ge=0)]
Outlet = Annotated[str | None, Field(description="The outlet, where a product is sold in several.")]
