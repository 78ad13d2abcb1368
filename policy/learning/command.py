"""Command `pricing-assistant pretrain`: train the policy, by likelihood or by reinforcement."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

ALGORITHMS = {
    "dpt": "supervised: demand likelihood and the best price's distribution (decision pretraining)",
    "ppo": "reinforcement on whole trials, a LoRA adapter on a pretrained base",
    "a3c": "the same by asynchronous workers",
    "dqn": "the same by in-context Q-learning",
}

PROTOCOLS = ("inf-4d", "inf-2d-sq-mix", "no-covariates", "no-covariates-long", "bandit", "inventory")
"""Published protocols that dpt and ppo can learn instead of the prior over markets."""

_EPILOG = """examples:
  pricing-assistant pretrain --run runs/base --steps 7000
  pricing-assistant pretrain --algorithm ppo --run runs/ppo --start-from runs/base/model
  pricing-assistant pretrain --protocol bandit --run runs/arms
  pricing-assistant pretrain --protocol bandit --algorithm ppo --run runs/arms2 --start-from runs/arms/model
  accelerate launch --module policy.learning.command --run runs/base     (one process a GPU)"""


def main(argv: list[str] | None = None) -> int:
    """Parse, train or go on, and say where the result lies."""
    listed = "; ".join(f"{name}: {told}" for name, told in ALGORITHMS.items())
    parser = argparse.ArgumentParser(
        prog="pricing-assistant pretrain",
        description="Train the policy on simulated markets. Stop with Ctrl-C; the same command goes on.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoint, log, result")
    parser.add_argument(
        "--algorithm", choices=list(ALGORITHMS), default="dpt", help=f"{listed} (default dpt)"
    )
    parser.add_argument(
        "--steps",
        type=_count,
        help="steps of dpt (default 7000), iterations of ppo and dqn (300), updates of a3c (1500);"
        " with --protocol 40 to 180 iterations",
    )
    parser.add_argument(
        "--batch-size",
        type=_count,
        help="histories a step of dpt (64), trials a step of ppo (128), dqn (64), a3c (32)",
    )
    parser.add_argument("--learning-rate", type=float, help="default: dpt 1.5e-3, the others 3e-4")
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all")
    parser.add_argument(
        "--start-from",
        help="folder of a model of ours to train further; where omitted, dpt starts afresh and the others"
        " from the embedded base",
    )
    parser.add_argument(
        "--backbone",
        help="dpt: folder or hub name of a Hugging Face decoder (GPT-2, Qwen3, ...) to adapt by LoRA",
    )
    parser.add_argument(
        "--rollouts-from",
        help="dpt: folder of a model of ours that prices part of the histories itself (0.3 of the batches)",
    )
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        help="learn a published protocol's markets instead: dpt first, then ppo with --start-from",
    )
    parser.add_argument(
        "--fast", action="store_true", help="dpt: compile and use bfloat16; for runs over ten minutes"
    )
    args = parser.parse_args(argv)
    if args.algorithm != "dpt" and (args.backbone or args.fast or args.rollouts_from):
        parser.error("--backbone, --rollouts-from and --fast go with --algorithm dpt.")
    if args.backbone and args.start_from:
        parser.error(
            "--backbone begins with fresh heads and --start-from with trained ones: give one of them."
        )
    own = args.backbone or args.fast or args.rollouts_from
    if args.protocol and (args.algorithm not in ("dpt", "ppo") or own):
        parser.error("--protocol goes with dpt and ppo, and without --backbone, --rollouts-from and --fast.")
    if args.protocol and (args.algorithm == "ppo") != bool(args.start_from):
        parser.error("--protocol takes --start-from, the model of its dpt run, with --algorithm ppo only.")
    import torch

    from policy.learning.runlog import WITHOUT_TENSORBOARD, has_tensorboard

    if args.threads:
        torch.set_num_threads(args.threads)
    if not has_tensorboard():
        print(WITHOUT_TENSORBOARD.format(csv=args.run / "log.csv"))
    began = time.time()
    try:
        if args.protocol:
            result = _on_protocol(args)
        else:
            result = _supervised(args) if args.algorithm == "dpt" else _reinforced(args)
    except (ValueError, FileNotFoundError) as error:  # settings or folders that do not go together
        parser.error(str(error))
    except KeyboardInterrupt:
        kept = (args.run / "checkpoint.pt").exists()
        print(
            "\nStopped; the same command "
            + ("goes on." if kept else "begins again: no checkpoint was due yet.")
        )
        return 130
    from policy.learning.processes import Processes

    Processes.current().leave()
    print(f"Saved {result} after {time.time() - began:.0f} s.")
    return 0


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _given(args: argparse.Namespace, **names: str) -> dict[str, object]:
    """The options that were given, under the settings' own names."""
    return {
        name: getattr(args, option) for name, option in names.items() if getattr(args, option) is not None
    }


def _supervised(args: argparse.Namespace) -> Path:
    from policy.learning.calibrate import store_calibration
    from policy.learning.pretrain import PretrainSettings, pretrain
    from policy.learning.processes import Processes

    given = _given(args, steps="steps", batch_size="batch_size", learning_rate="learning_rate")
    settings = PretrainSettings(
        seed=args.seed,
        fast=args.fast,
        start_from=args.start_from,
        backbone=args.backbone,
        rollouts_from=args.rollouts_from,
        **given,  # type: ignore[arg-type]
    )
    model = pretrain(settings, args.run)
    if not Processes.current().is_main:
        return Path(args.run / "model")
    store_calibration(model, seed=settings.seed)
    model.save_pretrained(args.run / "model")
    (args.run / "settings.json").write_text(json.dumps(asdict(settings), indent=1) + "\n")
    return Path(args.run / "model")


def _on_protocol(args: argparse.Namespace) -> Path:
    from policy.learning.protocols.stages import STAGES
    from policy.learning.protocols.train import reinforce, train

    stages = STAGES[args.protocol]
    given: dict[str, Any] = _given(
        args, iterations="steps", trials="batch_size", learning_rate="learning_rate"
    )
    given |= {"seed": args.seed}
    settings: Any
    if args.algorithm == "dpt":
        settings = replace(stages.first, **given)
        train(stages.pretrained(), settings, args.run)
    else:
        settings = replace(stages.second, start_from=args.start_from, **given)
        reinforce(stages.reinforced(), settings, args.run)
    (args.run / "settings.json").write_text(json.dumps(asdict(settings), indent=1) + "\n")
    return Path(args.run / ("model" if args.algorithm == "dpt" else "adapter"))


def _reinforced(args: argparse.Namespace) -> Path:
    from policy.learning import a3c, dqn, ppo

    given = _given(args, trials="batch_size", learning_rate="learning_rate")
    shared: dict[str, Any] = {"seed": args.seed, "start_from": args.start_from, **given}
    length = (
        {} if args.steps is None else {"updates" if args.algorithm == "a3c" else "iterations": args.steps}
    )
    settings: Any
    if args.algorithm == "ppo":
        settings = ppo.PPOSettings(**shared, **length)
        ppo.train(settings, args.run)
    elif args.algorithm == "a3c":
        settings = a3c.A3CSettings(**shared, **length)
        a3c.train(settings, args.run)
    else:
        settings = dqn.DQNSettings(**shared, **length)
        dqn.train(settings, args.run)
    (args.run / "settings.json").write_text(json.dumps(asdict(settings), indent=1) + "\n")
    return Path(args.run / "adapter")


if __name__ == "__main__":  # what launchers of several processes start
    raise SystemExit(main())
