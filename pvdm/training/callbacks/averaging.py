"""An exponential moving average of the trained network's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn
from pytorch_lightning.utilities.types import STEP_OUTPUT
from torch import Tensor

from pvdm.errors import InputError, check_range
from pvdm.files.power_averages import FOLDER, exponent_of, kept_share, write_snapshot
from pvdm.training.run.sharding import gathered, hold_part, hold_whole, own, part_like

RAW = "raw_weights"
"""Key of a checkpoint for the weights that the optimizer updates."""

GUIDE = "generator.guide"
"""The network that guides the trained one, in a module that has it."""

LONGER = "longer_average"
"""Key of a checkpoint for the second power average."""


class AveragedWeights(Callback):
    """Validates and saves the average; the `state_dict` of a checkpoint is the averaged model.

    Only parameters of the network that the module names in `trained` are averaged. The checkpoint also holds the raw
    weights, from which training resumes. Each process averages its part of a sharded network. Validation gathers the
    whole network, because processes may have different numbers of batches. Lightning's WeightAveraging does not support
    sharded networks, and also copies the networks that are not trained.

    The model's guide (`DiffusionConfig.autoguidance`) gets the average of early in the training; until then, it is that
    of the last validation or checkpoint.

    Args:
        decay: Decay of the average after many updates; at update n it is at most (1 + n) / (10 + n).
        power: Lengths of two power averages, relative to the training so far, such as [0.05, 0.1]. The first then takes
            the place of the decaying average, and snapshots of both, in the folder `averages` of the run, let
            `pvdm export --ema-length` choose any length afterwards.
        snapshot_every: Updates between snapshots.
        guide_after: Share of `trainer.max_steps` after which the guide stays as it is.
    """

    def __init__(
        self,
        decay: float = 0.9999,
        power: tuple[float, float] | None = None,
        snapshot_every: int = 1000,
        guide_after: float = 0.1,
    ) -> None:
        check_range(0, 1, decay=decay, guide_after=guide_after)
        check_range(1, snapshot_every=snapshot_every)
        if power is not None and not power[0] < power[1]:
            raise InputError(f"averaging.power is {list(power)}", "give two different lengths, the shorter first")
        self.decay, self.power, self.snapshot_every, self.guide_after = decay, power, snapshot_every, guide_after
        self._exponents = [] if power is None else [exponent_of(length) for length in power]
        self.updates, self._last_of_guide = 0, 0
        self._average: dict[str, Tensor] = {}
        self._longer: dict[str, Tensor] = {}
        self._raw: dict[str, Tensor] | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """InputError if there is a guide, and no telling when it is early in the training."""
        if any(name.startswith(GUIDE) for name, _ in pl_module.named_parameters()):
            if trainer.max_steps < 1:
                problem = "autoguidance needs to know how long the training is"
                raise InputError(problem, "set trainer.max_steps, or model.diffusion.autoguidance to 0")
            self._last_of_guide = max(1, round(self.guide_after * trainer.max_steps))
        parameters = _parameters(pl_module)
        start = self._average or parameters  # a checkpoint's average was loaded before the model moved to its device
        self._average = {name: start[name].detach().to(value.device).clone() for name, value in parameters.items()}
        if self.power is not None:
            start = self._longer or self._average
            self._longer = {name: start[name].detach().to(value.device).clone() for name, value in parameters.items()}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        if pl_module.updates == self.updates:  # a batch that was only accumulated
            return
        self.updates = pl_module.updates
        parameters = _parameters(pl_module)
        for average, weight in zip((self._average, self._longer), self._new_shares(), strict=False):
            with torch.no_grad():
                trained = [name for name in average if parameters[name].requires_grad]  # a frozen -0.0 stays one
                averages = [own(average[name]) for name in trained]
                torch._foreach_lerp_(averages, [own(parameters[name]) for name in trained], weight)
        if self.power is not None and self.updates % self.snapshot_every == 0:
            self._write_snapshot(trainer)
        if self.updates == self._last_of_guide:
            self._fill_guide(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.power is not None and self.updates:
            self._write_snapshot(trainer)

    def _new_shares(self) -> list[float]:
        """Weight of the newest weights in each average."""
        if self.power is None:
            return [1 - min(self.decay, (1 + self.updates) / (10 + self.updates))]
        return [1 - kept_share(self.updates, exponent) for exponent in self._exponents]

    def _write_snapshot(self, trainer: Trainer) -> None:
        """Of both power averages, by rank zero."""
        averages = [gathered(values, keep=trainer.is_global_zero) for values in (self._average, self._longer)]
        if trainer.is_global_zero:
            write_snapshot(Path(trainer.default_root_dir, FOLDER), self.updates, self.power, averages)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._average:
            if self.updates < self._last_of_guide:
                self._fill_guide(pl_module)
            parameters = _parameters(pl_module)
            self._raw = {name: value.detach().clone() for name, value in parameters.items()}
            _fill(parameters, self._average)
            hold_whole(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._raw is not None:
            hold_part(pl_module)
            _fill(_parameters(pl_module), self._raw)
            self._raw = None

    def _fill_guide(self, pl_module: LightningModule) -> None:
        """With the average as it is now, whole in each process."""
        found = _of_guide(pl_module, gathered(self._average, keep=True))
        _fill({name: value for name, value in pl_module.named_parameters() if name in found}, found)

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.updates = state_dict["updates"]

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self._average:
            return
        raw = self._raw or {name: value.detach() for name, value in _parameters(pl_module).items()}
        checkpoint[RAW] = gathered(raw, keep=trainer.is_global_zero)
        averages = gathered(self._average, keep=trainer.is_global_zero)
        checkpoint["state_dict"] = {**checkpoint["state_dict"], **averages}
        if self.updates < self._last_of_guide:
            checkpoint["state_dict"] |= _of_guide(pl_module, averages)
        if self._longer:
            checkpoint[LONGER] = gathered(self._longer, keep=trainer.is_global_zero)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn != TrainerFn.FITTING or RAW not in checkpoint:
            return
        parameters = _parameters(pl_module)
        saved = checkpoint["state_dict"]
        self._average = {name: part_like(saved[name], like).clone() for name, like in parameters.items()}
        if self.power is not None:
            longer = checkpoint.get(LONGER)
            if longer is None:
                problem = "the run was trained without power averages"
                raise InputError(problem, "leave out averaging.power, or choose another --trainer.default_root_dir")
            self._longer = {name: part_like(longer[name], like).clone() for name, like in parameters.items()}
        _fill(parameters, checkpoint[RAW])


def _parameters(pl_module: LightningModule) -> dict[str, torch.nn.Parameter]:
    """Parameters of the trained network by their names in the module's state dict."""
    prefix = f"{pl_module.trained}."
    return {name: value for name, value in pl_module.named_parameters() if name.startswith(prefix)}


def _of_guide(pl_module: LightningModule, averages: dict[str, Tensor]) -> dict[str, Tensor]:
    """The averages by the names of the guide's parameters."""
    return {name.replace(pl_module.trained, GUIDE, 1): value for name, value in averages.items()}


def _fill(parameters: dict[str, torch.nn.Parameter], values: dict[str, Tensor]) -> None:
    """Copies values into parameters in place."""
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(part_like(values[name], parameter))
