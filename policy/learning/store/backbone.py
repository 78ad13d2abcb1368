"""The base that a store's adapter goes on, where it is not the embedded one: any Hugging Face decoder.

A decoder that has read text knows no sales. Before a store's own history can teach it anything it learns the
trajectory tokens on simulated markets: token encoder and heads anew, the decoder itself by LoRA, which is
then added into its weights. That base lies on the store's shelf, under `base`, and is made once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from policy.learning.calibrate import store_calibration
from policy.learning.pretrain import PretrainSettings, pretrain
from policy.model.adapter_files import AdapterError
from policy.model.loading import LoadedModel, load_model
from policy.model.transformer import PolicyConfig

BASE = "base"
"""Folder on the shelf in which the base is made; the model is in its folder `model`."""

STEPS = 500
"""Steps on simulated markets that a decoder is given; `pretrain --backbone` gives as many as are wanted."""


class BackboneError(ValueError):
    """A network that no policy can be made of; the message says why."""


def base_on(
    backbone: str, shelf: Path, *, steps: int, seed: int, watch: Callable[[int], None]
) -> LoadedModel:
    """A policy on this decoder: loaded where it is one of ours or was made before, trained otherwise.

    Parameters
    ----------
    backbone
        Folder or hub name of a decoder, or folder of a policy that `pretrain` made.
    watch
        Told of each step; may raise to stop, and the same call goes on.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    AdapterError
        The shelf holds a base on another decoder.
    BackboneError
        The network is no decoder.
    """
    if _is_policy(Path(backbone)):
        return load_model(backbone)
    run = shelf / BASE
    made, begun = run / "model", run / "settings.json"
    if begun.exists():
        # The seed and the length of a base are those that it was begun with, whatever a later adapter's are.
        known = json.loads(begun.read_text())
        if known["backbone"] != backbone:
            raise AdapterError(
                "other_backbone",
                "The folder '{folder}' holds a base on '{known}', not on '{asked}'. "
                "Give another folder by --out.",
                folder=str(shelf),
                known=known["backbone"],
                asked=backbone,
            )
        steps, seed = known["steps"], known["seed"]
    if not made.exists():
        settings = PretrainSettings(backbone=backbone, steps=steps, batch_size=32, seed=seed)

        def taught(step: int) -> None:
            if step == 1:  # from here on the folder is this backbone's
                begun.write_text(json.dumps({"backbone": backbone, "steps": steps, "seed": seed}) + "\n")
            watch(step)

        try:
            network = pretrain(settings, run, watch=taught)
        except ValueError as error:
            raise BackboneError(str(error)) from error
        store_calibration(network, seed=seed)
        draft = run / "model.tmp"
        network.save_pretrained(draft)
        draft.rename(made)  # whole, or not there
    return load_model(str(made))


def _is_policy(folder: Path) -> bool:
    """Whether a folder holds a policy network rather than a bare decoder."""
    file = folder / "config.json"
    return file.is_file() and json.loads(file.read_text()).get("model_type") == PolicyConfig.model_type
