"""Where a run computes: on the CPU or a GPU, alone or in several processes.

`accelerate launch --module policy.learning.command ...` starts one process a GPU; on CPUs it is
`ACCELERATE_USE_CPU=1 torchrun --standalone --nproc-per-node 2 --module -- policy.learning.command ...`.

Processes hold the same weights, draw different markets and average their gradients before each update, so n
of them learn from n times the batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import nn


@dataclass(frozen=True)
class Processes:
    """This process among those of the run."""

    accelerator: Accelerator

    @classmethod
    def current(cls) -> Processes:
        """As the launcher set it up; alone on the GPU, or on the CPU without one, otherwise.

        Other accelerators lack the double precision that likelihoods are computed in.
        """
        return cls(Accelerator(cpu=not torch.cuda.is_available()))

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return self.accelerator.process_index

    @property
    def count(self) -> int:
        return self.accelerator.num_processes

    @property
    def is_main(self) -> bool:
        """Whether this process logs and saves."""
        return self.accelerator.is_main_process

    def place(self, module: nn.Module) -> None:
        """Move a network to this process's device."""
        module.to(self.device)

    def require_alone(self, what: str) -> None:
        """
        Raises
        ------
        ValueError
            There are several processes.
        """
        if self.count > 1:
            raise ValueError(f"{what} runs in one process; start it without a launcher of several.")

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the processes."""
        if self.count == 1:
            return
        held = [p for p in parameters if p.requires_grad]
        # One message for all: a network of this size is thousands of numbers in dozens of tensors.
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in held])
        flat = self.accelerator.reduce(flat, reduction="mean")
        for p, part in zip(held, flat.split([p.numel() for p in held]), strict=True):
            p.grad = part.view_as(p).clone()

    def mean(self, value: float) -> float:
        """Mean over the processes, so that all decide alike by it."""
        if self.count == 1:
            return value
        return float(
            self.accelerator.reduce(torch.tensor(float(value), device=self.device), reduction="mean")
        )

    def wait(self) -> None:
        """Until every process has come this far."""
        self.accelerator.wait_for_everyone()

    def leave(self) -> None:
        """Part from the other processes once all have come this far: one that exits while another still holds
        its end of the connection takes that one down with it."""
        if self.count > 1:
            self.wait()
            self.accelerator.end_training()
