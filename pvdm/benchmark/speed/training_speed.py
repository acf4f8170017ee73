"""Speed of training steps: stage 1 with all its losses, stage 2 from pixels and from cached latents."""

from __future__ import annotations

import logging
import math
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torchvision.models import vgg16

from pvdm.benchmark.speed.measured_model import MeasuredModel
from pvdm.benchmark.speed.measuring import Measured
from pvdm.benchmark.speed.speed_options import SpeedOptions
from pvdm.generation import VideoGenerator
from pvdm.training import AdversaryConfig, AutoencoderTraining, DiffusionTraining
from pvdm.training.callbacks.averaging import AveragedWeights
from pvdm.training.module import GeneratorTraining

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed"}

CONTEXT_DROPOUT = 0.7
"""As in configs/diffusion.yaml: the share of samples whose context is not encoded."""

CLIP_NORM = 1.0
"""As in configs/diffusion.yaml."""


def stage1_step(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """An update by L1, LPIPS and both discriminators, as in configs/gan.yaml, on one batch."""
    with tempfile.TemporaryDirectory() as folder:
        weights = random_vgg(Path(folder) / "random_vgg16.pth")
        module = AutoencoderTraining(
            model.autoencoder, vgg_weights=weights, adversary=AdversaryConfig(), **_of_stage(options, 1)
        )
        found = _trained(module, _clips(model, options, 1), options)
    found.extra["losses"] = ["l1", "lpips", "2d discriminator", "3d discriminator", "lecam"]
    found.extra["vgg_weights"] = "random"
    return found


def stage2_step_pixels(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """An update of the denoiser from clips of twice the length, which the frozen autoencoder encodes.

    Contexts are dropped at random. Steps without any and steps with all of them are measured, and combined in
    proportion.
    """
    module, parts = _stage2(model, options), []
    for dropout in (1.0, 0.0):
        module.conditioning.context_dropout = dropout
        parts.append(_trained(module, _clips(model, options, 2), options, gradient_clip_val=CLIP_NORM))
    found = parts[0].mixed(parts[1], 1 - CONTEXT_DROPOUT)
    found.extra["contexts_kept"] = round(1 - CONTEXT_DROPOUT, 6)
    return found


def stage2_step_latents(model: MeasuredModel, options: SpeedOptions) -> Measured:
    """An update of the denoiser from latents that were encoded before."""
    return _trained(_stage2(model, options), _latents(model, options), options, gradient_clip_val=CLIP_NORM)


def random_vgg(path: Path) -> Path:
    """A file like torchvision's VGG-16 with random convolutions, with which LPIPS takes the same time."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in vgg16().state_dict().items() if name.startswith("features.")}
    # Deviations as by He et al. 2015, so that no output vanishes or overflows.
    state = {name: torch.randn(shape) * math.sqrt(2 / max(1, shape[1:].numel())) for name, shape in shapes.items()}
    torch.save(state, path)
    return path


def _stage2(model: MeasuredModel, options: SpeedOptions) -> DiffusionTraining:
    """The module, with a fresh autoencoder, exported to a temporary folder because the module loads a file."""
    with tempfile.TemporaryDirectory() as folder:
        VideoGenerator(model.autoencoder).save_pretrained(Path(folder) / "autoencoder")
        return DiffusionTraining(
            Path(folder) / "autoencoder",
            denoiser=model.denoiser,
            diffusion=model.diffusion,
            context_dropout=CONTEXT_DROPOUT,
            **_of_stage(options, 2),
        )


def _of_stage(options: SpeedOptions, stage: int) -> dict[str, Any]:
    """The arguments that both stages' modules have."""
    return {"activation_checkpointing": options.checkpointing(stage), "compile": options.compile}


def _trained(module: GeneratorTraining, batch: Any, options: SpeedOptions, **trainer: Any) -> Measured:
    """Steps on one batch."""
    found = Measured()
    contexts = found.contexts(options.device, options.repeats)
    run_steps(module, batch, contexts, device=options.device, precision=options.precision, **trainer)
    return found


def _clips(model: MeasuredModel, options: SpeedOptions, clips: int) -> dict[str, Any]:
    """A batch of random pixels, as a loader returns it."""
    size = model.autoencoder
    shape = (options.batch_size, 3, clips * size.frames, size.height, size.width)
    return {"video": torch.randint(256, shape, dtype=torch.uint8), **_about(model, options)}


def _latents(model: MeasuredModel, options: SpeedOptions) -> dict[str, Any]:
    """A batch of random latents of contexts and targets, as a loader of cached latents returns it."""
    size = model.autoencoder
    latent = torch.rand(options.batch_size, 2, size.latent_channels, size.latent_shape.positions).mul(2).sub(1)
    return {"latent": latent.half(), **_about(model, options)}


def _about(model: MeasuredModel, options: SpeedOptions) -> dict[str, Any]:
    """What a batch says about its samples."""
    batch = options.batch_size
    about = {
        "path": [f"{index}.mp4" for index in range(batch)],
        "start": torch.zeros(batch, dtype=torch.int64),
        "fps": torch.full((batch,), 25.0, dtype=torch.float64),
        "key": torch.tensor([[0, 0, index] for index in range(batch)]),
        "has_context": torch.ones(batch, dtype=torch.bool),
    }
    classes = model.denoiser.classes if model.denoiser else None
    return about if classes is None else {**about, "label": torch.arange(batch) % classes}


def run_steps(
    module: LightningModule,
    batch: Any,
    contexts: Iterable[AbstractContextManager[Any]],
    *,
    device: torch.device,
    precision: str = "32",
    **options: Any,
) -> None:
    """Trains on one batch as `pvdm fit` does, with averaged weights, and writes nothing.

    A step starts when the batch is on the device, and ends when weights and averages are updated.

    Args:
        module: Of either stage.
        batch: As a loader returns it, on the CPU.
        contexts: One for each step, which runs in it; the next is taken when the step before has ended.
        device: Where.
        precision: "32" or "bf16" (mixed).
        options: Further arguments of the Trainer.
    """
    with _quiet():
        trainer = Trainer(
            accelerator=device.type,
            devices=[device.index or 0] if device.type == "cuda" else 1,
            precision=PRECISIONS[precision],
            max_steps=-1,
            callbacks=[AveragedWeights(), _Within(contexts)],
            limit_val_batches=0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )
        trainer.fit(module, repeat(batch))


class _Within(Callback):
    """Enters the next context before a step and leaves it after it or at an error; stops when there is none left."""

    def __init__(self, contexts: Iterable[AbstractContextManager[Any]]) -> None:
        self.contexts = iter(contexts)
        self.step: AbstractContextManager[Any] | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.step = next(self.contexts)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.step.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.step.__exit__(None, None, None)
        self.step = next(self.contexts, None)
        trainer.should_stop = self.step is None

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if self.step is not None:
            self.step.__exit__(type(exception), exception, exception.__traceback__)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences what the Trainer says about itself and about such a short run: all logs but errors."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
