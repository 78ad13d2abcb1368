"""Pricing one batch of a shop: every product's entry, or the reason why there is none."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.report.batches import Batch
from assistant.report.entry import Curve, Entry, Reference, Sales, Unpriced
from assistant.store import StoreError
from assistant.store.reports import Cut
from assistant.wording import LANGUAGES, Language, wording

if TYPE_CHECKING:
    import pandas as pd

    from assistant.store import Store
    from policy.decision.appraisal import Appraisal
    from policy.decision.outcomes import DemandCurve
    from policy.decision.recommendation import Objective, Recommendation
    from policy.decision.reference_price import Profile
    from policy.evaluation.track_record import Foretold
    from policy.history import Period
    from policy.pipeline import PricingPipeline

_LOG = logging.getLogger(__name__)

Key = tuple[str, str | None]
"""SKU and outlet of a product."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What holds for all batches of a report, in plain JSON types."""

    made_at: str
    """ISO 8601, UTC."""
    period: Period
    """Of the whole shop, so that each batch counts by it."""
    outlets: bool
    """Whether the shop names outlets."""
    rider: Key
    """The product that rides along with every batch (`batches.newest_first`)."""
    objective: Objective
    profile: Profile | None
    """Whose law a cut's announcement is checked by; None where it is not checked."""
    judged_since: str | None
    """Forecasts of reports from this moment on are held against sales; ISO 8601, None without reports."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """The inverse of `to_dict`."""
        sku, store = values["rider"]
        return cls(**(dict(values) | {"rider": (sku, store)}))


class Pricer:
    """Prices batches of one shop. Their order does not matter, and nothing is kept between them."""

    def __init__(self, store: Store, pipeline: PricingPipeline, plan: Plan) -> None:
        self._store, self._pipeline, self._plan = store, pipeline, plan

    def lines(self, batch: Batch) -> str:
        """A batch's products in order of (store, sku), one a line: outlet and SKU as JSON, a tab, and
        `{"entry": ...}` or `{"unpriced": ...}` as JSON.

        What breaks the policy is found by halves and is left out with its reason. Raises `StoreError`,
        `AdapterError`, `OSError`.
        """
        from policy.model.threads import one_thread

        # A run that goes on elsewhere, or on other cores, must give the same bytes.
        with one_thread():
            found = sorted(self._isolating(batch, self._history(batch)))
        return "".join(f"{json.dumps(key, ensure_ascii=False)}\t{text}\n" for key, text in found)

    def _isolating(self, batch: Batch, history: pd.DataFrame) -> Iterator[tuple[tuple[str, str], str]]:
        """Outlet and SKU of each product, and what is said of it as JSON."""
        try:
            entries = self._entries(batch, history)
            # Here, since a number that is none is a broken product's.
            said = [_as_json({"entry": it.to_dict()}) for it in entries]
            keys = [(it.recommendation.store or "", it.recommendation.sku) for it in entries]
            yield from zip(keys, said, strict=True)
            return
        except Exception as error:
            if not is_products_fault(error):
                raise
            reasons = {language: _reason(error, language) for language in LANGUAGES}
            if not _is_history_error(error):
                _LOG.warning("A product could not be priced", exc_info=error)
        parts = list(self._parts(batch, history))
        for part, rows in parts:
            yield from self._isolating(part, rows)
        if not parts:
            for sku, store in _by_product(history[history["sku"].isin(batch.skus)]):
                left = Unpriced(sku=sku, store=store, reasons=reasons)
                yield (store or "", sku), _as_json({"unpriced": vars(left)})

    def _parts(self, batch: Batch, history: pd.DataFrame) -> Iterator[tuple[Batch, pd.DataFrame]]:
        """Halves of a batch, else its outlets; nothing where it is one product, or several that rules tie."""
        if (halves := batch.halves()) is not None:
            for half in halves:
                others = set(batch.skus) - set(half.skus) - {self._plan.rider[0]}
                yield half, history[~history["sku"].isin(others)]
        elif "store" in history:
            own, outlet = history["sku"].isin(batch.skus), history["store"].fillna("")
            outlets = sorted(set(outlet[own]))
            if len(outlets) > 1:
                yield from ((batch, history[(outlet == it) | ~own]) for it in outlets)

    def _entries(self, batch: Batch, history: pd.DataFrame) -> list[Entry]:
        from policy.decision.rules import Rules

        held = {digest: Rules.from_dict(fields) for digest, fields in batch.rules.items()}
        sold = set(history["sku"])
        pairs = zip(batch.skus, batch.rules_of, strict=True)
        rules = {sku: held[digest] for sku, digest in pairs if sku in sold}
        found = self._pipeline.appraise(
            history, period=self._plan.period, objective=self._plan.objective, rules=rules
        )
        own = [it for it in found if it.recommendation.sku in rules]
        earlier = self._earlier(batch.skus)
        foretold, elsewhere = self._foretold(batch.skus, history)
        references = self._references([it.recommendation for it in own])
        parts = _by_product(history)
        entries = []
        for it in own:
            advice = replace(it.recommendation, store=it.recommendation.store or None)
            key = advice.sku, advice.store
            entry = Entry(
                recommendation=advice,
                standing=replace(it.standing, store=advice.store),
                category=_last(parts[key], "category"),
                sales=_sales(parts[key]),
                curve=_curve(it),
                reference=references.get(key),
                promo_share=_promo_share(parts[key]),
                decision_id="",  # given once all is priced, in the order of the report
                earlier=earlier.get(key),
                foretold=tuple(foretold.get(key, ())),
                elsewhere=elsewhere[key],
            )
            entries.append(entry)
        return entries

    def _history(self, batch: Batch) -> pd.DataFrame:
        """The batch's sales, and those of the product that rides along, in one outlet."""
        sku, store = self._plan.rider
        history = self._store.history(sorted({*batch.skus, sku}))
        if self._plan.outlets and "store" not in history:
            history.insert(0, "store", "")
        if sku in batch.skus or "store" not in history:
            return history
        rider = history["sku"] == sku
        return history[~rider | (history["store"].fillna("") == (store or ""))]

    def _earlier(self, skus: Sequence[str]) -> dict[Key, Recommendation]:
        from policy.decision.recommendation import Recommendation

        found = self._store.reports.earlier(skus)
        return {key: Recommendation.from_dict(it.record) for key, it in found.items()}

    def _foretold(
        self, skus: Sequence[str], history: pd.DataFrame
    ) -> tuple[dict[Key, list[Foretold]], Counter[Key]]:
        """Forecasts that can be judged, and how many cannot for the price that was charged."""
        from policy.decision.recommendation import Recommendation
        from policy.evaluation.track_record import come

        if self._plan.judged_since is None:
            return {}, Counter()
        given = self._store.reports.since(skus, dt.datetime.fromisoformat(self._plan.judged_since))
        by_product: dict[Key, list[Foretold]] = {}
        found, elsewhere = come((Recommendation.from_dict(said.record) for said in given), history)
        for it in found:
            by_product.setdefault((it.sku, it.store or None), []).append(it)
        return by_product, Counter((it.sku, it.store or None) for it in elsewhere)

    def _references(self, advice: Sequence[Recommendation]) -> dict[Key, Reference]:
        if (profile := self._plan.profile) is None:
            return {}
        cuts = [
            Cut(sku=it.sku, store=it.store or None, start=dt.date.fromisoformat(it.date[:10]), price=it.price)
            for it in advice
            if it.abstained is None and it.price < it.current_price
        ]
        checks = self._store.reports.reference_prices(cuts, profile=profile)
        return {
            (cut.sku, cut.store): Reference(
                profile=profile, price=check.reference_price, discount=check.discount, blocked=check.blocked
            )
            for cut, check in zip(cuts, checks, strict=True)
        }


def is_products_fault(error: Exception) -> bool:
    """Whether what went wrong may lie in the products' records, so that others can still be priced."""
    from policy.model.adapter_files import AdapterError

    return not isinstance(error, (StoreError, AdapterError, OSError, MemoryError))


def _as_json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def _reason(error: Exception, language: Language) -> str:
    """On one line."""
    from assistant.report.statements import FILE
    from assistant.store.importing import error_text
    from policy.history import HistoryError

    if isinstance(error, HistoryError):
        return " ".join(error_text(error, language).split())
    found = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return wording(language, FILE)("coverage.broken", error=found)


def _is_history_error(error: Exception) -> bool:
    from policy.history import HistoryError

    return isinstance(error, HistoryError)


def _by_product(history: pd.DataFrame) -> dict[Key, pd.DataFrame]:
    """Each product's rows, by date."""
    if "store" not in history:
        return {(str(sku), None): rows for sku, rows in history.groupby("sku", sort=False)}
    groups = history.groupby([history["store"].fillna(""), "sku"], sort=False)
    return {(str(key[1]), str(key[0]) or None): rows for key, rows in groups}


def _last(rows: pd.DataFrame, column: str) -> str | None:
    known = rows[column].dropna() if column in rows else ()
    return str(known.iloc[-1]) if len(known) else None  # type: ignore[union-attr]


def _sales(rows: pd.DataFrame) -> Sales:
    units = rows["units"].to_numpy(dtype=float)
    return Sales(
        dates=tuple(rows["date"].dt.strftime("%Y-%m-%d")),
        prices=tuple(rows["price"].to_numpy(dtype=float).tolist()),
        units=tuple(None if np.isnan(it) else float(it) for it in units),
    )


def _promo_share(rows: pd.DataFrame) -> float | None:
    known = rows["promo"].dropna() if "promo" in rows else ()
    return float((known > 0).mean()) if len(known) else None  # type: ignore[operator]


def _curve(it: Appraisal) -> Curve | None:
    """The curve for the figure, where the policy stands behind one."""
    if it.recommendation.elasticity is None:
        return None
    curve: DemandCurve = it.curve
    low, high = (curve.quantiles[level] for level in ("0.1", "0.9"))
    return Curve(
        prices=tuple(curve.prices.tolist()),
        units=tuple(curve.mean.tolist()),
        units_low=tuple(low.tolist()),
        units_high=tuple(high.tolist()),
    )
