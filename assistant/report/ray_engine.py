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
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.report.batches import Batch
from assistant.report.pricing import Plan
from assistant.report.progress import ReportError
from assistant.report.workers import Worker, home_of

if TYPE_CHECKING:
    from assistant.report.run import Engine
    from assistant.store import Store


class RayWorker:
    """A `Worker` as Ray Data calls it: rows of `batch` (JSON) to rows of `number` and `lines`."""

    def __init__(self, **told: Any) -> None:
        self._worker = Worker(**told)

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[Any]]:
        found = [self._worker.priced(json.loads(str(it))) for it in rows["batch"]]
        return {"number": [number for number, _ in found], "lines": [lines for _, lines in found]}


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
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised too
        try:
            count = min(workers or int(ray.cluster_resources().get("CPU", 1)), len(todo))
            rows = [{"batch": json.dumps(it.to_dict())} for it in todo]
            found = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                RayWorker,
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(size=count),
                num_cpus=1,
                fn_constructor_kwargs={
                    "home": home_of(store),
                    "shop": store.identity,
                    "adapter": None if adapter is None else str(adapter.absolute()),
                    "plan": plan.to_dict(),
                },
            )
            for row in found.iter_rows():
                yield int(row["number"]), str(row["lines"])
        except ray.exceptions.RayActorError as error:
            why = str(error).strip().splitlines()[-1]  # what the worker said, under its traceback
            raise ReportError(
                f"A worker of Ray could not price ({why}) What is priced is kept: run the same command again "
                "once that is mended."
            ) from error
        finally:
            if ours:
                ray.shutdown()

    return priced
