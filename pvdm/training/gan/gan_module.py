"""Manual updates of a network and, once the GAN phase has begun, of its adversary."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pvdm.errors import check_range
from pvdm.generation import VideoGenerator
from pvdm.training.gan.adversary import Adversary
from pvdm.training.module import GeneratorTraining
from pvdm.training.optimization import OptimizerConfig, check_clip_norm, clip_gradient
from pvdm.training.reductions import UpdateMeans

logger = logging.getLogger(__name__)


class GANModule(GeneratorTraining):
    """Base of stage 1; counts updates of the network named `trained`.

    If a loss or a gradient of either side is not finite, both sides skip the update.

    Args:
        generator: The model.
        adversary: Discriminators; None trains without a GAN phase.
        optimizer: Optimizer of the trained network.
        clip_norm: Largest norm of its gradient; None turns clipping off.
        accumulate: Batches per update.
        max_skipped: Skipped updates in a row that end the training.
    """

    def __init__(
        self,
        generator: VideoGenerator,
        adversary: Adversary | None,
        *,
        optimizer: OptimizerConfig,
        clip_norm: float | None,
        accumulate: int,
        max_skipped: int,
    ) -> None:
        super().__init__(max_skipped)
        check_clip_norm(clip_norm)
        check_range(1, accumulate=accumulate)
        self.automatic_optimization = False
        self.generator, self.adversary = generator, adversary
        self.optimizer_config, self.clip_norm, self.accumulate = optimizer, clip_norm, accumulate
        self.register_buffer("generator_updates", torch.zeros((), dtype=torch.int64))
        self._updates = 0  # the same on the CPU: reading a buffer on a GPU is slow
        self._awaits_phase = False

    optional = ("adversary.", *GeneratorTraining.optional)

    @property
    def updates(self) -> int:
        """Updates of the trained network so far."""
        return self._updates

    @property
    def in_gan_phase(self) -> bool:
        """Whether the next update is one of the GAN phase."""
        return self.adversary is not None and self.updates >= self.adversary.config.start

    def learn(self, loss: Tensor, measures: Mapping[str, Tensor]) -> None:
        """Accumulates the gradient of one batch's loss, a scalar, and updates after `accumulate` batches.

        measures: Scalars with the same names each time, one of them "loss". Their means over the batches of an update
            and over all processes are logged; the update is skipped if one is not finite.
        """
        self.update_means.add(measures)
        self.manual_backward(loss / self.accumulate)
        if (self.trainer.fit_loop.total_batch_idx + 1) % self.accumulate == 0:  # a remainder counts for the next epoch
            self._update()

    def optimizer_configs(self) -> dict[str, OptimizerConfig]:
        """The configs of both sides."""
        own = super().optimizer_configs()
        return own if self.adversary is None else {**own, "model.adversary.optimizer": self.adversary.config.optimizer}

    def configure_optimizers(self) -> tuple[list[Optimizer], list[LRScheduler]]:
        """Optimizers and schedules of the trained network, then of its adversary."""
        pairs = [(self.optimizer_config, self.get_submodule(self.trained))]
        if self.adversary is not None:
            pairs.append((self.adversary.config.optimizer, self.adversary.discriminators))
        optimizers = [config.optimizer(network.parameters()) for config, network in pairs]
        return optimizers, [config.schedule(made) for (config, _), made in zip(pairs, optimizers, strict=True)]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A resumed run may add an adversary or drop it."""
        if self.adversary is None and any(name.startswith("adversary.") for name in checkpoint.get("state_dict", ())):
            logger.info("the checkpoint's discriminators are ignored: there is no model.adversary")
        super().on_load_checkpoint(checkpoint)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Also restores the number of updates."""
        found = super().load_state_dict(state_dict, strict, assign)
        self._updates = int(self.generator_updates)
        return found

    def on_train_start(self) -> None:
        """Warns if the run ends before the GAN phase begins."""
        super().on_train_start()
        self._awaits_phase = self.adversary is not None and not int(self.adversary.updates)
        start, limit = self.adversary.config.start if self.adversary else 0, self.trainer.max_steps
        if start >= limit > 0 and self.trainer.is_global_zero:
            logger.warning("there is no GAN phase: it begins after %d updates, and the run ends after %d", start, limit)

    def on_validation_model_zero_grad(self) -> None:
        """Keeps the gradients of an unfinished update, which continues after the validation."""

    def _update(self) -> None:
        norms = {"gradient_norm": clip_gradient(self.get_submodule(self.trained).parameters(), self.clip_norm)}
        if self.in_gan_phase:
            norms["discriminator_gradient_norm"] = self.adversary.gradient_norm()
        if (means := self.finite_means([*norms.values()])) is not None:
            self.log("train/loss", means.pop("loss"), prog_bar=True)
            self._log_train({**means, **norms})
            self._step()
        self._drop()

    def _step(self) -> None:
        optimizers, schedules = _as_list(self.optimizers()), _as_list(self.lr_schedulers())
        self._log_train({"learning_rate": optimizers[0].param_groups[0]["lr"]})
        optimizers[0].step()
        schedules[0].step()
        if self.in_gan_phase:
            self._log_phase()
            self._log_train(self.adversary.after_update())
            optimizers[1].optimizer.step()  # Lightning's own step would count as one of the run
            schedules[1].step()
        self.generator_updates += 1
        self._updates += 1

    def _log_phase(self) -> None:
        """Logs the beginning of the GAN phase, once: not in a run resumed within it."""
        if self._awaits_phase and self.trainer.is_global_zero:
            logger.info("the GAN phase begins after %d updates", self.updates)
        self._awaits_phase = False

    def all_means(self) -> list[UpdateMeans]:
        """Includes those of the adversary."""
        return [self.update_means] if self.adversary is None else [self.update_means, self.adversary.means]

    def _drop(self) -> None:
        """Discards the batches of an update, complete or not."""
        self.zero_grad()
        self.update_means.clear()
        if self.adversary is not None:
            self.adversary.drop()

    def _log_train(self, values: Mapping[str, Tensor | float]) -> None:
        self.log_dict({f"train/{name}": value for name, value in values.items()})


def _as_list(found: Any) -> list[Any]:
    """Lightning returns a single optimizer or schedule without a list."""
    return found if isinstance(found, list) else [found]
