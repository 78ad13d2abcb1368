"""The assistant's desk: a shop's store, the policy loaded behind the chat, the decisions written down."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, TypeVar, cast

from assistant import search
from assistant.basis import Remembered, bases, by_product, digest
from assistant.facts import labels, rule_fault
from assistant.records import Records
from assistant.store.database import StoreError
from assistant.suggesting import Assumed, Limits, assumed_cost, own_limits
from assistant.wording import Language

if TYPE_CHECKING:
    import pandas as pd

    from assistant.store import Product, Store
    from policy.decision.foresee import Forecast
    from policy.decision.outcomes import DemandCurve, WhatIf
    from policy.decision.product import Product as Asked
    from policy.decision.recommendation import Objective, Recommendation
    from policy.decision.rules import Rules
    from policy.pipeline import PricingPipeline

T = TypeVar("T")

ACTOR = "assistant"
"""Who wrote a decision, in the store's records."""


class DeskError(Exception):
    """A request that the merchant can put right; `message` says how, in words of `prompts/`."""

    def __init__(self, code: str, **values: str) -> None:
        super().__init__(code)
        self.code = code
        self.values = values

    def message(self, language: Language) -> str:
        values = self.values | rule_fault(self.__cause__, language)
        return str(labels(language)["errors"][self.code]).format_map(values)


@dataclass(frozen=True)
class Decision:
    """A recommendation and the id under which the store keeps it."""

    recommendation: Recommendation
    id: str


class Desk:
    """Everything that the tools do, without a language model in it. Safe to call from several threads."""

    def __init__(
        self, store: Store, *, pipeline: PricingPipeline | Future[PricingPipeline] | None = None
    ) -> None:
        """`pipeline` may be another desk's `warm()`: two shops then share one base in memory, and each puts
        its own adapters on it."""
        self.store = store
        self._pipeline = pipeline if isinstance(pipeline, Future) else None
        if pipeline is not None and self._pipeline is None:
            self._pipeline = Future()
            self._pipeline.set_result(cast("PricingPipeline", pipeline))
        self.writing = threading.Lock()
        """Held while the merchant's decisions are written, so that each is what it was shown to be."""
        self._starting = threading.Lock()
        self.computing = threading.RLock()
        """Held while the policy computes."""
        self._memory: dict[tuple[str, str | None, Objective], Remembered] = {}
        self._given: dict[str, Recommendation] = {}
        self._curves: dict[str, tuple[str, list[DemandCurve]]] = {}
        self._adapted: PricingPipeline | None = None
        self.records = Records(self)

    def warm(self) -> Future[PricingPipeline]:
        """Start loading the base in the background, once; its result or its error is in the future."""
        with self._starting:
            if self._pipeline is None:
                self._pipeline = Future()
                threading.Thread(target=_load, args=(self._pipeline,), name="policy", daemon=True).start()
            return self._pipeline

    @property
    def ready(self) -> bool:
        """Whether the policy is loaded, so that an answer need not wait for it."""
        return self._pipeline is not None and self._pipeline.done()

    @property
    def pipeline(self) -> PricingPipeline:
        """The policy with this shop's adapters, waited for where it is still loading.

        Raises `AdapterError` where the promoted adapter cannot be used.
        """
        base = self.warm().result()
        if not self.store.adapters.is_dir():
            return base
        if self._adapted is None:
            self._adapted = base.with_adapter(self.store.adapters)
        return self._adapted

    @property
    def adapter(self) -> str | None:
        """Hash of the adapter that prices the shop now, None while the base does."""
        return self.pipeline.adapter_of() if self.store.adapters.is_dir() else None

    def find(self, query: str) -> search.Found:
        """What a phrase means (see `search.find`)."""
        return search.find(query, self.store.products())

    def product(self, sku: str) -> Product:
        """The product with this SKU, case aside. Raises `DeskError`."""
        for product in self.store.products():
            if product.sku.casefold() == sku.strip().casefold():
                return product
        raise DeskError("unknown_sku", sku=sku)

    def known(self, skus: Sequence[str]) -> tuple[list[str], list[str]]:
        """Those SKUs that the shop has, in its own spelling, and those that it has not."""
        own = {product.sku.casefold(): product.sku for product in self.store.products()}
        found = {sku: own.get(sku.strip().casefold()) for sku in skus}
        return list(dict.fromkeys(filter(None, found.values()))), [sku for sku in found if not found[sku]]

    def recommend(self, skus: Sequence[str], *, objective: Objective = "profit") -> list[Decision]:
        """Recommendations for these products in every outlet that sells them, each saved as a decision.

        Unchanged history and rules give the decision that was already saved. Raises `DeskError` for an
        unknown SKU, `HistoryError` for a history that the policy cannot read.
        """
        known, unknown = self.known(skus)
        if unknown:
            raise DeskError("unknown_sku", sku=", ".join(unknown))
        with self.computing:
            return self._saved(self._recommendations(known, objective), objective)

    def suggest(
        self,
        skus: Sequence[str],
        *,
        objective: Objective = "profit",
        limits: Limits,
        assumed: Assumed,
        periods: int = 1,
    ) -> list[Recommendation]:
        """Recommendations under limits and circumstances of one question. They are not saved: what is
        approved is decided as things are. Raises `DeskError`."""
        known, unknown = self.known(skus)
        if unknown:
            raise DeskError("unknown_sku", sku=", ".join(unknown))
        with self.computing:
            history, _, rules = self._history(known)
            try:
                narrowed = rules | {sku: limits.within(rules[sku]) for sku in known}
            except ValueError as error:
                raise DeskError("bad_rules", error=str(error)) from error
            found = self.pipeline.recommend(
                assumed.in_history(history, known), objective=objective, rules=narrowed, horizon=periods
            )
        return [own_limits(it, rules[it.sku], narrowed[it.sku]) for it in found if it.sku in known]

    def overview(self, *, objective: Objective = "profit") -> list[Decision]:
        """Recommendations for the whole shop, the largest expected gain first, abstentions last."""
        with self.computing:
            decisions = self._saved(self._recommendations(None, objective), objective)
        return sorted(decisions, key=_by_gain)

    def current(self, decision_id: str) -> Decision:
        """A decision that would be given again as things stand now.

        Raises `DeskError` for an id that the store does not know, and where sales, rules or the policy
        changed since, so that the suggestion would be another.
        """
        from policy.decision.recommendation import Recommendation

        try:
            kept = self.store.decision(decision_id).record
        except StoreError:
            raise DeskError("unknown_decision", id=decision_id) from None
        # Where the cost is unknown the record says revenue though profit was asked for.
        for objective in dict.fromkeys(("profit", cast("Objective", kept["objective"]))):
            for it in self.recommend([kept["sku"]], objective=objective):
                if it.id == decision_id or it.recommendation.repeats(Recommendation.from_dict(kept)):
                    return Decision(it.recommendation, decision_id)
        raise DeskError("stale_decision", id=decision_id)

    def recommendation(self, decision_id: str) -> Recommendation:
        """What a decision was saved from. Raises `StoreError` for an id that the store does not know."""
        if decision_id in self._given:
            return self._given[decision_id]
        from policy.decision.recommendation import Recommendation

        return Recommendation.from_dict(self.store.decision(decision_id).record)

    def recommendation_of(
        self, sku: str, *, store: str | None = None, objective: Objective = "profit"
    ) -> Recommendation:
        """The recommendation for one product in one outlet, not saved. Raises `DeskError`."""
        product = self.outlet(sku, store)
        with self.computing:
            every = self._recommendations([product.sku], objective)
        return next(it for it in every if (it.store or None) == product.store)

    def outlet(self, sku: str, store: str | None = None) -> Product:
        """One product in one outlet; `store` may be None where one sells it. Raises `DeskError`."""
        found = self.product(sku)
        outlets = [it for it in self.store.products() if it.sku == found.sku]
        if len(chosen := [it for it in outlets if store is None or it.store == store]) == 1:
            return chosen[0]
        names = ", ".join(it.store for it in outlets if it.store)
        if store is None:
            raise DeskError("several_outlets", sku=found.sku, stores=names)
        raise DeskError("unknown_outlet" if names else "no_outlets", sku=found.sku, store=store, stores=names)

    def ask(self, sku: str, question: Callable[[Asked, Rules], T], *, store: str | None = None) -> T:
        """What the policy says of one product in one outlet, with the rules that hold for it.

        Raises `DeskError`, and what the question raises.
        """
        product = self.outlet(sku, store)
        with self.computing:
            history, _, rules = self._history([product.sku])
            asked = self.pipeline.product(history, sku=product.sku, store=product.store)
            return question(asked, rules[product.sku])

    def forecast(
        self,
        skus: Sequence[str] | None,
        *,
        periods: int | None = None,
        start: str | None = None,
        until: str | None = None,
        price: float | None = None,
    ) -> Forecast:
        """What will sell of products, or of the whole shop where None, at present prices or at one; dates in
        ISO 8601. Raises `DeskError`, `QuestionError`."""
        known, unknown = self.known(skus or ())
        if unknown:
            raise DeskError("unknown_sku", sku=", ".join(unknown))
        wanted = None if skus is None else known
        with self.computing:
            return self.pipeline.forecast(
                self._history(wanted)[0],
                periods=periods,
                start=start,
                until=until,
                skus=wanted,
                prices=None if price is None or wanted is None else dict.fromkeys(wanted, price),
            )

    def what_if(
        self,
        sku: str,
        *,
        store: str | None = None,
        price: float | None = None,
        percent: float | None = None,
        amount: float | None = None,
        from_suggested: Objective | None = None,
        unit_cost: float | None = None,
        cost_percent: float | None = None,
        competitor_price: float | None = None,
        stock: float | None = None,
        fee_percent: float = 0.0,
        shipping: float = 0.0,
        periods: int | None = None,
        start: str | None = None,
        until: str | None = None,
    ) -> WhatIf:
        """What is expected at another price, against keeping the current one, and the rules it would break.

        At most one of `price`, `percent` (-10 is ten per cent down) and `amount` (-10 is ten off), in the
        store's currency; without any, the current price under other circumstances, which are those of
        `policy.decision.what_if.what_if`. A change is one of the current price, or of the price suggested
        for the aim `from_suggested`; `cost_percent` one of the cost on record. Raises `DeskError`,
        `QuestionError`.
        """
        changes = sum(x is not None for x in (price, percent, amount))
        assumed = (unit_cost, cost_percent, competitor_price, stock)
        elsewhere = any(x is not None for x in assumed) or fee_percent or shipping
        if changes > 1 or (changes == 0 and not elsewhere):
            raise DeskError("one_change")
        now = self.recommendation_of(sku, store=store, objective=from_suggested or "profit")
        if from_suggested is not None and now.abstained is not None:
            raise DeskError("no_suggestion", name=now.name or now.sku)
        base = now.current_price if from_suggested is None else now.price
        if price is None:
            price = base * (1 + (percent or 0.0) / 100) + (amount or 0.0)
        if not 0 < price < math.inf:
            raise DeskError("bad_price")
        with self.computing:
            history, _, rules = self._history([now.sku])
            return self.pipeline.what_if(
                history,
                sku=now.sku,
                store=now.store,
                price=price,
                unit_cost=assumed_cost(now.unit_cost, unit_cost, cost_percent, now.sku),
                competitor_price=competitor_price,
                stock=stock,
                fee=fee_percent / 100,
                shipping=shipping,
                periods=periods,
                start=start,
                until=until,
                rules=rules,
            )

    def curve(self, sku: str, *, store: str | None = None) -> DemandCurve:
        """Demand and profit over price, for the figure beside an answer. Raises `DeskError`."""
        found = self.product(sku)
        with self.computing:
            history, _, _ = self._history([found.sku])
            basis = f"{self.adapter} {digest(history)}"
            known = self._curves.get(found.sku)
            if known is None or known[0] != basis:
                curves = [curve for curve in self.pipeline.demand_curve(history) if curve.sku == found.sku]
                known = self._curves[found.sku] = basis, curves
        matching = [curve for curve in known[1] if store is None or curve.store == store]
        if not matching:
            raise DeskError("unknown_sku", sku=sku)
        return matching[0]

    def history(self) -> pd.DataFrame:
        """The canonical history of the whole shop. Raises `DeskError`."""
        with self.computing:
            return self._history(None)[0]

    def _recommendations(self, skus: Sequence[str] | None, objective: Objective) -> list[Recommendation]:
        """In the order of the history; computed only where a product's history or rules changed, or the
        shop's adapter."""
        adapter = self.adapter
        history, newest, rules = self._history(skus)
        every = by_product(history)
        groups = {key: group for key, group in every.items() if skus is None or key[0] in skus}
        basis = {key: f"{adapter} {newest} {part}" for key, part in bases(every, rules, groups).items()}
        stale = {
            key
            for key in groups
            if (known := self._memory.get((*key, objective))) is None or known.basis != basis[key]
        }
        if stale:
            for it in self.pipeline.recommend(history, objective=objective, rules=rules):
                key = it.sku, it.store or None
                if key in stale:
                    self._memory[*key, objective] = Remembered(basis[key], it)
        return [self._memory[(*key, objective)].recommendation for key in groups]

    def _history(self, skus: Sequence[str] | None) -> tuple[pd.DataFrame, date, dict[str, Rules]]:
        """The history of some products, or of all, the shop's newest date, and the rules of all in the table.

        With some products come those that rules price together with them, and the one that sold last: the
        policy tells by it which of them are out of date, and what a period is, so that a product asked about
        alone is judged and priced as in the whole shop.
        """
        from policy.decision.ties import related

        products = self.store.products()
        if not products:
            raise DeskError("empty_shop")
        last = max(products, key=lambda product: (product.last_date, product.periods, product.sku))
        rules = self.store.rules_for()
        wanted = None if skus is None else sorted({*related(rules, skus), last.sku})
        held = {product.sku for product in products} if wanted is None else wanted
        return self.store.history(wanted), last.last_date, {sku: rules[sku] for sku in held}

    def _saved(self, recommendations: Sequence[Recommendation], objective: Objective) -> list[Decision]:
        keys = [(it.sku, it.store or None, objective) for it in recommendations]
        unsaved = [key for key in keys if self._memory[key].id is None]
        if unsaved:
            new = [self._memory[key].recommendation for key in unsaved]
            ids = self.store.save_decisions(new, actor=ACTOR)
            for key, id in zip(unsaved, ids, strict=True):
                self._memory[key] = replace(self._memory[key], id=id)
                self._given[id] = self._memory[key].recommendation
        return [Decision(self._memory[key].recommendation, str(self._memory[key].id)) for key in keys]


def _load(future: Future[PricingPipeline]) -> None:
    try:
        from policy import PricingPipeline

        future.set_result(PricingPipeline.from_pretrained())
    except BaseException as error:  # whoever asks for the policy gets the error, wherever it happened
        future.set_exception(error)


def _by_gain(decision: Decision) -> tuple[bool, float]:
    it = decision.recommendation
    return it.abstained is not None, -(it.gain.mean if it.gain is not None else 0.0)
