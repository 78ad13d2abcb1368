"""Pricing batches on Ray Data: workers of one machine or of a cluster, each with the policy in memory.

Workers read the shop themselves, so its database must be where all of them reach it: a file on this machine
or on a shared disk, or PostgreSQL by PRICING_ASSISTANT_DATABASE_URL, set on every machine. What they find
comes back here and is kept batch by batch, as by the local engine; a batch whose worker died is priced again
by another.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.report.batches import Batch
from assistant.report.pricing import Plan, Pricer
from assistant.report.progress import ReportError

if TYPE_CHECKING:
    from assistant.report.run import Engine
    from assistant.store import Store


class Worker:
    """What one Ray actor keeps: the shop opened and the policy loaded."""

    def __init__(self, home: str | None, adapter: str | None, plan: Mapping[str, Any]) -> None:
        from assistant.store import Store
        from policy import PricingPipeline

        pipeline = PricingPipeline.from_pretrained(adapter=adapter)
        self._pricer = Pricer(Store.open(home=home), pipeline, Plan.from_dict(plan))

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[Any]]:
        """Rows of `batch` (JSON) to rows of `number` and `lines`."""
        todo = [Batch.from_dict(json.loads(str(it))) for it in rows["batch"]]
        return {"number": [it.number for it in todo], "lines": [self._pricer.lines(it) for it in todo]}


def ray_engine(store: Store, *, adapter: Path | None, workers: int | None = None) -> Engine:
    """An engine for `make_report` on Ray: the cluster that RAY_ADDRESS names, else this machine.

    Parameters
    ----------
    adapter
        The shelf that the pipeline of `make_report` prices with.
    workers
        Processes, of one processor core each; as many as there are cores where None.

    Raises
    ------
    ReportError
        Ray is not installed.
    """
    if find_spec("ray") is None:
        raise ReportError(
            "--engine ray needs Ray: `pip install 'pricing-assistant[distributed]'`. The local engine needs "
            "nothing."
        )
    folder = store.lock.parent
    # A shop that is no file is found by PRICING_ASSISTANT_DATABASE_URL, which workers have of their machine.
    home = str(folder) if Path(store.place).is_file() else None

    def priced(todo: Sequence[Batch], plan: Plan) -> Iterator[tuple[int, str]]:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray
        import ray.data

        if not todo:
            return
        ours = not ray.is_initialized()
        if ours:
            options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False}
            if "RAY_ADDRESS" not in os.environ:
                options |= {"num_cpus": workers, "_node_ip_address": "127.0.0.1"}
            ray.init(logging_level=logging.ERROR, **options)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        try:
            count = min(workers or int(ray.cluster_resources().get("CPU", 1)), len(todo))
            rows = [{"batch": json.dumps(it.to_dict())} for it in todo]
            found = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                Worker,
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(size=count),
                num_cpus=1,
                fn_constructor_kwargs={
                    "home": home,
                    "adapter": None if adapter is None else str(adapter),
                    "plan": plan.to_dict(),
                },
            )
            for row in found.iter_rows():
                yield int(row["number"]), str(row["lines"])
        finally:
            if ours:
                ray.shutdown()

    return priced
