"""What can be asked about one product, behind one door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date

from policy.decision.break_even import BreakEven, break_even
from policy.decision.clearance import Clearance, clearance
from policy.decision.outcomes import WhatIf
from policy.decision.price_test import PriceTest, price_test
from policy.decision.product import Product
from policy.decision.promotion import DEPTHS, Promotion, promotion
from policy.decision.rules import Rules
from policy.decision.what_if import what_if
from policy.decision.what_would_make import WhatWouldMake, what_would_make


@dataclass(frozen=True)
class AboutProduct:
    """Questions about one product. Each method's parameters, result and errors are those of the function of
    the same name, in the module of that name beside this one."""

    product: Product

    def what_if(
        self,
        *,
        price: float,
        unit_cost: float | None = None,
        competitor_price: float | None = None,
        stock: float | None = None,
        fee: float = 0.0,
        shipping: float = 0.0,
        periods: int | None = None,
        start: str | Date | None = None,
        until: str | Date | None = None,
    ) -> WhatIf:
        """What to expect at a price, against keeping the present one."""
        return what_if(
            self.product,
            price=price,
            unit_cost=unit_cost,
            competitor_price=competitor_price,
            stock=stock,
            fee=fee,
            shipping=shipping,
            periods=periods,
            start=start,
            until=until,
        )

    def break_even(
        self,
        *,
        price: float | None = None,
        unit_cost: float | None = None,
        fee: float = 0.0,
        shipping: float = 0.0,
    ) -> BreakEven:
        """The lowest price that loses nothing, and the volume that another price needs."""
        return break_even(self.product, price=price, unit_cost=unit_cost, fee=fee, shipping=shipping)

    def clearance(
        self,
        *,
        until: str | Date | None = None,
        periods: int | None = None,
        stock: float | None = None,
        rules: Rules | None = None,
        low: float | None = None,
        unit_cost: float | None = None,
        fee: float = 0.0,
        shipping: float = 0.0,
        salvage: float = 0.0,
        wanted_chance: float = 0.8,
    ) -> Clearance:
        """A dated price path that sells a stock by a date, against keeping the price."""
        return clearance(
            self.product,
            until=until,
            periods=periods,
            stock=stock,
            rules=rules,
            low=low,
            unit_cost=unit_cost,
            fee=fee,
            shipping=shipping,
            salvage=salvage,
            wanted_chance=wanted_chance,
        )

    def promotion(
        self,
        *,
        depth: float | None = None,
        periods: int | None = None,
        start: str | Date | None = None,
        until: str | Date | None = None,
        rules: Rules | None = None,
        unit_cost: float | None = None,
        fee: float = 0.0,
        shipping: float = 0.0,
        depths: Sequence[float] = DEPTHS,
    ) -> Promotion:
        """A temporary price cut against none, and the best depth."""
        return promotion(
            self.product,
            depth=depth,
            periods=periods,
            start=start,
            until=until,
            rules=rules,
            unit_cost=unit_cost,
            fee=fee,
            shipping=shipping,
            depths=depths,
        )

    def what_would_make(self, *, price: float, rules: Rules | None = None) -> WhatWouldMake:
        """Which single change would make the policy recommend a price."""
        return what_would_make(self.product, price=price, rules=rules)

    def price_test(
        self,
        *,
        prices: Sequence[float] | None = None,
        power: float = 0.8,
        error: float = 0.1,
        most_periods: int = 13,
        rules: Rules | None = None,
        unit_cost: float | None = None,
        fee: float = 0.0,
        shipping: float = 0.0,
    ) -> PriceTest:
        """Which prices to test, for how long, at what cost, and what may come of it."""
        return price_test(
            self.product,
            prices=prices,
            power=power,
            error=error,
            most_periods=most_periods,
            rules=rules,
            unit_cost=unit_cost,
            fee=fee,
            shipping=shipping,
        )
