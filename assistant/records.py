"""What a shop's own records tell: how products stand, whether they suffice to learn from, past forecasts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from assistant.basis import digest

if TYPE_CHECKING:
    from assistant.desk import Desk
    from policy.decision.standing import Standing
    from policy.evaluation.track_record import Foretold, TrackRecord
    from policy.learning.store.readiness import Readiness


class Records:
    """The records behind one desk. Every method raises `DeskError` where the shop is empty."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._measured: tuple[str, TrackRecord] | None = None

    @property
    def clock(self) -> tuple[date, str]:
        """The day that questions are asked on, and the period that sales are counted by. The day is today,
        but no later than the one after the newest sales end, since forecasts begin there."""
        if (known := self._desk.store.sales_end()) is None:
            return date.today(), "week"
        end, period = known
        return min(date.today(), end + timedelta(days=1)), period

    def standings(self) -> dict[tuple[str, str | None], Standing]:
        """How every product stands by its records, by SKU and outlet. Raises `HistoryError`."""
        with self._desk.computing:
            return {(it.sku, it.store): it for it in self._desk.pipeline.standings(self._desk.history())}

    def readiness(self) -> Readiness:
        """Whether the shop's sales are enough to fine-tune on. Raises `HistoryError`."""
        with self._desk.computing:
            return self._desk.pipeline.readiness(self._desk.history())

    def track_record(self) -> TrackRecord:
        """Forecasts of the shop's last quarter against what was sold; measured once for each history.

        Raises `HistoryError` where no product has history enough.
        """
        from policy.evaluation.track_record import track_record

        with self._desk.computing:
            history = self._desk.history()
            basis = f"{self._desk.adapter} {digest(history)}"
            if self._measured is None or self._measured[0] != basis:
                self._measured = basis, track_record(self._desk.pipeline, history)
            return self._measured[1]

    def foretold(self) -> list[Foretold]:
        """Forecasts given with earlier suggestions whose period has come."""
        from policy.decision.recommendation import Recommendation
        from policy.evaluation.track_record import foretold

        given = [Recommendation.from_dict(it.record) for it in self._desk.store.decisions()]
        return foretold(given, self._desk.history())
