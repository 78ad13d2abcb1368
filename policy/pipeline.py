"""PricingPipeline: from a table of sales to forecasts, demand curves and recommended prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from policy.decision.appraisal import Appraisal, appraise
from policy.decision.bounds import Circumstances
from policy.decision.curves import demand_curves
from policy.decision.foresee import Forecast, Given, foresee
from policy.decision.outcomes import LEVELS, DemandCurve, WhatIf
from policy.decision.predicted import predicted_demand
from policy.decision.product import Product, product_of
from policy.decision.recommend import Label, circumstances_by_product, labels_of, recommend
from policy.decision.recommendation import Objective, Recommendation
from policy.decision.rules import Rules
from policy.decision.standing import Standing, standings
from policy.decision.ties import Key
from policy.decision.what_if import under_rules, what_if
from policy.history import HistoryError, Period, canonical_history
from policy.learning.store.progress import Progress
from policy.learning.store.readiness import Readiness, readiness
from policy.model.adapter_folders import base_beside
from policy.model.future import MOST_AHEAD
from policy.model.loading import LoadedModel, load_model
from policy.model.panel import Panel, make_panel
from policy.model.pool import AdapterPool, FittedRows


class PricingPipeline:
    """The policy behind one door. Methods take a sales history as a DataFrame, one row per product and
    period (`sku, date, price, units`; optional `store, cost, stock, competitor_price, promo, views,
    category, name, currency`), and raise `HistoryError` where it cannot be understood.

    The same inputs and adapters give the same answers; nothing is kept between calls but adapters in memory.
    Safe to share between threads.
    """

    def __init__(self, model: LoadedModel, adapters: AdapterPool | None = None):
        self._model, self._adapters = model, adapters

    @classmethod
    def from_pretrained(
        cls,
        path: str | None = None,
        *,
        adapter: str | Path | None = None,
        adapters: str | Path | None = None,
        device: str = "cpu",
    ) -> PricingPipeline:
        """Load the embedded base, or the model in a folder, with what stores' LoRA adapters there are.

        Parameters
        ----------
        adapter
            An adapter's folder, or the shelf that `fine_tune` wrote, whose promoted version then prices
            everything; the base does while none is promoted. What is promoted or rolled back later holds from
            the next call on. Where `fine_tune` made a base on another backbone, that is loaded with it.
        adapters
            A folder with one such shelf a store, named as the store is (percent-encoded, see
            `policy.model.adapter_files.store_folder`). The history's `store` column picks the adapter of each
            product; the base prices those of other stores. Adapters are read when first asked for.
        device
            Where the network runs, as PyTorch names it ("cuda" for catalogues of many thousands).

        Raises
        ------
        FileNotFoundError
            A folder holds no weights.
        AdapterError
            A `ValueError`: the adapter is broken or was trained on another base.
        """
        if adapter is not None and adapters is not None:
            raise ValueError("Give `adapter` for one store or `adapters` for many, not both.")
        if path is None and adapter is not None and (beside := base_beside(adapter)):
            path = str(beside)
        base = load_model(path, device=device)
        if adapters is not None:
            return cls(base, AdapterPool(base, adapters, by_store=True))
        return cls(base).with_adapter(adapter)

    def with_adapter(self, adapter: str | Path | None) -> PricingPipeline:
        """The same base with another adapter, or with none; the base's weights are in memory once.

        Parameters and errors are those of `from_pretrained`.
        """
        return PricingPipeline(self._model, None if adapter is None else AdapterPool(self._model, adapter))

    def fine_tune(
        self,
        history: pd.DataFrame,
        *,
        output: str | Path,
        seed: int = 1,
        backbone: str | None = None,
        progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> PricingPipeline:
        """Fit a LoRA adapter to a store's own sales and test it against the base on the last quarter of them.

        Parameters
        ----------
        history
            One store's sales: five products or more with thirty periods each, whose prices moved.
        output
            Folder of the store's shelf. A new version is put on it, with its report, and promoted only if it
            forecasts better where prices moved and is worse at nothing beyond noise.
        backbone
            Folder or hub name of a Hugging Face decoder to make the policy of instead of this one: it is
            first taught on simulated markets, which for a large one takes a GPU.
        progress
            Told how far the run is.
        stop
            Asked every few steps. Where it says so a checkpoint is kept and `FineTuningStopped` raised; the
            same call goes on from there, as it does after a run that was killed.

        Returns
        -------
        A pipeline with what is promoted on the shelf: the new version, or what was promoted before it.

        Raises
        ------
        HistoryError
            There is too little to learn from, or prices jump as where a currency changes.
        AdapterError
            Another run goes on in the folder, or it holds a base on another backbone.
        OSError
            The folder cannot be written to. What was promoted before still is.
        BackboneError
            `backbone` is no decoder.
        FineTuningStopped
            `stop` said so.
        """
        from policy.learning.store.run import fine_tuned  # training, and so slow to load

        base = fine_tuned(
            self._model, history, Path(output), seed=seed, backbone=backbone, progress=progress, stop=stop
        )
        return PricingPipeline(base).with_adapter(output)

    def adapter_of(self, store: str | None = None) -> str | None:
        """Hash of the adapter that prices a store's products now, as recommendations carry it, or None.

        `store` counts only where every store has its own.
        """
        return None if self._adapters is None else self._adapters.of([store]).hash_of(0)

    @property
    def model_hash(self) -> str:
        """Hash of the model's files, as recommendations carry it."""
        return self._model.digest[:16]

    def predict_demand(
        self,
        history: pd.DataFrame,
        future: pd.DataFrame,
        quantile_levels: Sequence[float] = LEVELS,
    ) -> pd.DataFrame:
        """Forecast units at given future prices.

        Parameters
        ----------
        history
            Sales so far, any number of products.
        future
            Periods ahead: `sku, date, price`, `store` where the history has it, and `cost,
            competitor_price, promo` where known. Each product's rows are its next periods in order of date,
            one row a period: to compare prices for one period, see `demand_curve`.
        quantile_levels
            Levels in (0, 1).

        Returns
        -------
        The key columns of `future`, in its order, with `mean` and one column per level ("0.1", ...), in
        units per period. Products that the history does not know raise.
        """
        panel, _ = self._panel(history)
        return predicted_demand(
            self._model.network, panel, future, quantile_levels=quantile_levels, adapters=self._fitted(panel)
        )

    def forecast(
        self,
        history: pd.DataFrame,
        *,
        periods: int | None = None,
        start: str | date | None = None,
        until: str | date | None = None,
        skus: Sequence[str] | None = None,
        prices: Given | None = None,
        unit_costs: Given | None = None,
        competitor_prices: Given | None = None,
        promos: Given | None = None,
    ) -> Forecast:
        """Units, revenue and profit over the next periods, product by product and summed over all.

        Parameters and errors are those of `policy.decision.foresee.foresee`.
        """
        panel, labels = self._panel(history)
        return foresee(
            self._model.network,
            panel,
            labels,
            periods=periods,
            start=start,
            until=until,
            skus=skus,
            prices=prices,
            unit_costs=unit_costs,
            competitor_prices=competitor_prices,
            promos=promos,
            adapters=self._fitted(panel),
        )

    def demand_curve(
        self, history: pd.DataFrame, prices: Sequence[float] | None = None, *, points: int = 41
    ) -> list[DemandCurve]:
        """Expected demand against price in the next period, for every product in order of (store, sku).

        Parameters
        ----------
        history
            Sales so far.
        prices
            Prices to evaluate in store currency; by default `points` prices over the range that the
            history can speak for.
        """
        panel, labels = self._panel(history)
        return demand_curves(
            self._model.network, panel, labels, prices=prices, points=points, adapters=self._fitted(panel)
        )

    def recommend(
        self,
        history: pd.DataFrame,
        *,
        objective: Objective = "profit",
        rules: Rules | Mapping[str, Rules] | None = None,
        horizon: int = 1,
        explore: bool = False,
    ) -> list[Recommendation]:
        """Recommend one price per product for its next `horizon` periods, in order of (store, sku).

        Parameters
        ----------
        objective
            `profit` or `revenue`. Products without a cost are priced for revenue and say so.
        rules
            Limits for all products, or by sku (products left out get the default `Rules()`).
        explore
            Also name a price worth testing: where the response to price is uncertain, or with a store's
            adapter what its price head, trained on trials in the store's markets, would charge.
        """
        if objective not in ("profit", "revenue"):
            raise ValueError(f"`objective` must be 'profit' or 'revenue', got {objective!r}.")
        if not isinstance(horizon, int) or not 1 <= horizon <= MOST_AHEAD:
            raise ValueError(f"`horizon` must be a whole number from 1 to {MOST_AHEAD}, got {horizon!r}.")
        panel, labels = self._panel(history)
        return recommend(
            self._model,
            panel,
            labels,
            objective=objective,
            rules=Rules() if rules is None else rules,
            horizon=horizon,
            explore=explore,
            adapters=self._fitted(panel),
        )

    def what_if(
        self,
        history: pd.DataFrame,
        *,
        sku: str,
        price: float,
        store: str | None = None,
        unit_cost: float | None = None,
        competitor_price: float | None = None,
        stock: float | None = None,
        fee: float = 0.0,
        shipping: float = 0.0,
        periods: int | None = None,
        start: str | date | None = None,
        until: str | date | None = None,
        rules: Rules | Mapping[str, Rules] | None = None,
    ) -> WhatIf:
        """What to expect at a price of the merchant's choosing, against keeping the present one.

        Parameters are those of `policy.decision.what_if.what_if`, for one product of the history, and

        rules
            Limits for all products, or by sku, that the price is held against, on the first day asked about;
            none by default. Products that it is priced together with are taken at their present prices.

        Raises
        ------
        HistoryError
            The product is not in the history, or is in several stores and `store` is not given.
        ValueError
            A price that is not a positive number, or dates that are not ahead.
        """
        panel, labels = self._panel(history)
        product = self._product(panel, labels, sku, store)
        found = what_if(
            product,
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
        return found if rules is None else under_rules(found, product, panel, rules=rules)

    def circumstances(
        self, history: pd.DataFrame, *, rules: Rules | Mapping[str, Rules]
    ) -> dict[Key, Circumstances]:
        """What rules ask about every product, by (store, sku); see `circumstances_by_product`."""
        panel, labels = self._panel(history)
        return circumstances_by_product(panel, labels, rules=rules)

    def product(self, history: pd.DataFrame, *, sku: str, store: str | None = None) -> Product:
        """One product, to be asked about by the functions of `policy.decision`: `break_even`, `clearance`,
        `promotion`, `price_test`, and `what_would_make` the policy recommend another price.

        Raises
        ------
        HistoryError
            The product is not in the history, or is in several stores and `store` is not given.
        """
        panel, labels = self._panel(history)
        return self._product(panel, labels, sku, store)

    def _product(self, panel: Panel, labels: list[Label], sku: str, store: str | None) -> Product:
        return product_of(
            panel,
            labels,
            network=self._model.network,
            adapters=self._fitted(panel),
            sku=sku,
            store=store,
        )

    def standings(self, history: pd.DataFrame) -> list[Standing]:
        """How every product stands by its records: stock cover, the competitor's price and its age, the
        prices charged so far. No forecast; in order of (store, sku)."""
        panel, labels = self._panel(history)
        return standings(panel, labels)

    def appraise(
        self,
        history: pd.DataFrame,
        *,
        period: Period,
        objective: Objective = "profit",
        rules: Rules | Mapping[str, Rules] | None = None,
    ) -> list[Appraisal]:
        """`recommend`, `standings` and `demand_curve` of every product from one reading, as reports need,
        in order of (store, sku). A part of a shop is taken to have the `period` of the whole."""
        frame, _ = canonical_history(history)
        panel = make_panel(frame, period)
        limits, fitted = Rules() if rules is None else rules, self._fitted(panel)
        return appraise(
            self._model, panel, labels_of(frame), objective=objective, rules=limits, adapters=fitted
        )

    def readiness(self, history: pd.DataFrame) -> Readiness:
        """Whether the history is enough for `fine_tune`, counted against what it requires."""
        frame, report = canonical_history(history)
        return readiness(frame, report.period)

    def _panel(self, history: pd.DataFrame) -> tuple[Panel, list[Label]]:
        frame, report = canonical_history(history)
        panel = make_panel(frame, report.period)
        return panel, labels_of(frame)

    def _fitted(self, panel: Panel) -> FittedRows | None:
        """The adapters that price the panel's products now."""
        if self._adapters is None:
            return None
        stores = [store for store, _ in panel.keys]
        if self._adapters.by_store and None in stores:
            raise HistoryError(
                "adapters_need_store",
                "Every store has its own adapter here, but the history has no `store` column. "
                "Add it, or open the pipeline with one store's `adapter`.",
            )
        return self._adapters.of(stores)
