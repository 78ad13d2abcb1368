"""What a tool's result holds for a figure: the policy's own numbers, period by period, in plain JSON types.

Facts are single numbers for words; a fan or a path needs whole series. They travel in the artifact of the
tool's result, so that the figure beside an answer, and beside one reopened later, is of that very result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assistant.facts import subject_of

if TYPE_CHECKING:
    from policy.decision.clearance import Clearance, ClearancePath
    from policy.decision.foresee import Forecast, ForecastSum, ProductForecast
    from policy.decision.recommendation import Interval

TOTAL = "forecast.total"
"""The subject of the facts, and the series, about the sum of a forecast."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """A quantity per period with its 80 % interval; three tuples of shape (T,)."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ForecastSeries:
    """Units ahead of one product, or of the products of a sum."""

    subject: str
    """Of the facts about the same forecast."""
    skus: tuple[str, ...]
    store: str | None
    """The outlet; None for sums and for shops without outlets."""
    period: str
    dates: tuple[str, ...]
    """First day of each period, ISO 8601, shape (T,)."""
    units: Band


@dataclass(frozen=True, kw_only=True)
class ClearanceSeries:
    """A path of prices and the stock that it leaves, beside keeping the price."""

    subject: str
    currency: str | None
    period: str
    stock: float
    """Units at the start."""
    dates: tuple[str, ...]
    """First day of each period, ISO 8601, shape (T,)."""
    end: str
    """Last day of the last period."""
    prices: tuple[float, ...]
    keep_price: float
    left: Band
    """Units on hand at the end of each period."""
    left_keep: Band


Series = ForecastSeries | ClearanceSeries
_KINDS: Mapping[str, type[ForecastSeries] | type[ClearanceSeries]] = {
    "forecast": ForecastSeries,
    "clearance": ClearanceSeries,
}


def forecast_series(found: Forecast, products: Iterable[ProductForecast]) -> list[Series]:
    """Of these products, and of the sum of all where there is one currency."""
    series: list[Series] = [
        _forecast(found, it, f"{subject_of(it.sku, it.store)}.ahead", (it.sku,), it.store) for it in products
    ]
    if len(found.products) > 1 and len(found.sums) == 1:
        skus = tuple(dict.fromkeys(it.sku for it in found.products))
        series.append(_forecast(found, found.sums[0], TOTAL, skus, None))
    return series


def _forecast(
    found: Forecast, it: ProductForecast | ForecastSum, subject: str, skus: tuple[str, ...], store: str | None
) -> ForecastSeries:
    return ForecastSeries(
        subject=subject,
        skus=skus,
        store=store,
        period=found.period,
        dates=found.dates,
        units=_band([ahead.units for ahead in it.by_period]),
    )


def clearance_series(it: Clearance, path: ClearancePath) -> ClearanceSeries:
    """Of the path that the facts tell of."""
    return ClearanceSeries(
        subject=f"{subject_of(it.sku, it.store)}.clear",
        currency=it.currency,
        period=it.period,
        stock=float(it.stock),
        dates=it.dates,
        end=it.end,
        prices=tuple(float(step.price) for step in path.steps),
        keep_price=float(it.keep.steps[0].price),
        left=_band([step.left for step in path.steps]),
        left_keep=_band([step.left for step in it.keep.steps]),
    )


def to_json(series: Series) -> dict[str, Any]:
    """Plain types, tuples as lists, as the checkpoints keep them."""
    kind = next(name for name, of in _KINDS.items() if isinstance(series, of))
    return {"kind": kind} | {name: _plain(value) for name, value in vars(series).items()}


def from_json(values: Mapping[str, Any]) -> Series:
    """The reverse of `to_json`."""
    read = {name: _read(value) for name, value in values.items() if name != "kind"}
    return _KINDS[values["kind"]](**read)


def _band(intervals: Iterable[Interval]) -> Band:
    ends = [(float(it.mean), float(it.low), float(it.high)) for it in intervals]
    mean, low, high = zip(*ends, strict=True)
    return Band(mean=mean, low=low, high=high)


def _plain(value: Any) -> Any:
    if isinstance(value, Band):
        return {name: list(numbers) for name, numbers in vars(value).items()}
    return list(value) if isinstance(value, tuple) else value


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Band(**{name: tuple(numbers) for name, numbers in value.items()})
    return tuple(value) if isinstance(value, list) else value
