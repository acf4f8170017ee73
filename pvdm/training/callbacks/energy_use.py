"""The energy that training takes, over all starts of a run and all its processes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from pvdm.errors import check_range
from pvdm.runtime.energy.carbon import carbon_of
from pvdm.runtime.energy.meter import Energy, EnergyMeter


class EnergyUse(Callback):
    """Adds up the energy of training, including validation, and keeps it in checkpoints and the model's card.

    GPUs are counted by their driver; the CPU by its counters where they can be read, else by an estimate, which says
    so. Other processes of a run are counted as of their last validation.

    Args:
        country: Country whose electricity is used, by three letters as in DEU, for grams of CO2; needs the extra
            `energy`.
        watts: Watts of a busy core of the CPU, for an estimate instead of its counters.
    """

    def __init__(self, country: str | None = None, watts: float | None = None) -> None:
        check_range(0, watts=watts)
        self._carbon = carbon_of(country) if country else None
        self._watts = watts
        self._meter: EnergyMeter | None = None
        self._before, self._of_others = Energy(), Energy()
        self._earlier: list[Mapping[str, Any]] | None = None

    @property
    def energy(self) -> Energy:
        """Of the training so far."""
        here = self._meter.read() if self._meter else Energy()
        return self._before + here.beside(self._of_others)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            device, is_first = trainer.strategy.root_device, trainer.local_rank == 0
            self._meter = EnergyMeter([device], watts=self._watts, carbon=self._carbon, has_cpu=is_first)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps what the trainings behind the weights took with which this one starts."""
        if self._earlier is None:
            self._earlier = list(pl_module.generator.energy)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._share(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._share(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Before the module writes the model's configuration, which holds it."""
        part = "autoencoder" if pl_module.generator.denoiser is None else "denoiser"
        pl_module.generator.energy = (*(self._earlier or ()), {"part": part, **self.energy.record()})

    def state_dict(self) -> dict[str, Any]:
        return {"energy": self.energy.record(), "earlier": list(self._earlier or ())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before, self._earlier = Energy.of_record(state_dict["energy"]), state_dict["earlier"]

    def _share(self, trainer: Trainer) -> None:
        """Tells the first process what the others have used since the start; all call this at the same time."""
        if trainer.world_size == 1 or self._meter is None:
            return
        records: list[Any] = [None] * trainer.world_size
        torch.distributed.all_gather_object(records, self._meter.read().record())
        others = [Energy.of_record(record) for rank, record in enumerate(records) if rank != trainer.global_rank]
        self._of_others = reduce(Energy.beside, others)
