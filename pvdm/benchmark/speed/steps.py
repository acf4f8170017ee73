"""Training steps: stage 1 with all its losses, stage 2 from pixels and from cached latents."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torchvision.models import vgg16

from pvdm.benchmark.speed.measuring import Measured, Measurement
from pvdm.benchmark.speed.settings import Settings
from pvdm.benchmark.speed.subject import Subject
from pvdm.benchmark.speed.training_steps import run_steps
from pvdm.generation import VideoGenerator
from pvdm.training import AdversaryConfig, AutoencoderTraining, DiffusionTraining
from pvdm.training.module import GeneratorTraining

CONTEXT_DROPOUT = 0.7
"""As in configs/diffusion.yaml: of so many samples the context is not encoded."""

CLIP_NORM = 1.0
"""As in configs/diffusion.yaml."""


def stage1_step(subject: Subject, settings: Settings) -> Measured:
    """An update by L1, LPIPS and both discriminators, as in configs/gan.yaml, of one batch."""
    with tempfile.TemporaryDirectory() as folder:
        weights = settings.vgg_weights or random_vgg(Path(folder) / "random_vgg16.pth")
        module = AutoencoderTraining(
            subject.autoencoder,
            vgg_weights=weights,
            adversary=AdversaryConfig(),
            **_options(settings, 1),
        )
        found = _trained(module, _clips(subject, settings, 1), settings, {"own": lambda: None})["own"]
    found.extra["losses"] = ["l1", "lpips", "2d discriminator", "3d discriminator", "lecam"]
    found.extra["vgg_weights"] = "random" if settings.vgg_weights is None else settings.vgg_weights.name
    return found


def stage2_step_pixels(subject: Subject, settings: Settings) -> Measured:
    """An update of the denoiser from clips of twice the length, which the frozen autoencoder encodes.

    Contexts are kept by chance; so steps without any and steps with all of them are measured in turn, and taken
    together in proportion.
    """
    with tempfile.TemporaryDirectory() as folder:
        module = _stage2(subject, settings, Path(folder))
    drops = {name: _dropping(module, share) for name, share in (("none", 1.0), ("all", 0.0))}
    parts = _trained(module, _clips(subject, settings, 2), settings, drops, gradient_clip_val=CLIP_NORM)
    found = parts["none"].mixed(parts["all"], 1 - CONTEXT_DROPOUT)
    found.extra["contexts_kept"] = round(1 - CONTEXT_DROPOUT, 6)
    return found


def stage2_step_latents(subject: Subject, settings: Settings) -> Measured:
    """An update of the denoiser from latents that were encoded before."""
    with tempfile.TemporaryDirectory() as folder:
        module = _stage2(subject, settings, Path(folder))
    return _trained(module, _latents(subject, settings), settings, {"own": lambda: None}, gradient_clip_val=CLIP_NORM)[
        "own"
    ]


def random_vgg(path: Path) -> Path:
    """A file like torchvision's of VGG-16, its convolutions random; LPIPS takes the same time with it."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in vgg16().state_dict().items() if name.startswith("features.")}
    # Deviations as by He et al. 2015, so that no layer's output vanishes or overflows.
    state = {name: torch.randn(shape) * math.sqrt(2 / max(1, shape[1:].numel())) for name, shape in shapes.items()}
    torch.save(state, path)
    return path


def _stage2(subject: Subject, settings: Settings, folder: Path) -> DiffusionTraining:
    """With a fresh autoencoder, which is exported to the folder, for the module wants a file."""
    VideoGenerator(subject.autoencoder).save_pretrained(folder / "autoencoder")
    return DiffusionTraining(
        folder / "autoencoder",
        denoiser=subject.denoiser,
        diffusion=subject.diffusion,
        context_dropout=CONTEXT_DROPOUT,
        **_options(settings, 2),
    )


def _options(settings: Settings, stage: int) -> dict[str, Any]:
    """What both stages take."""
    options = {"activation_checkpointing": settings.checkpointing(stage)}
    return {**options, "compile": True} if settings.compile else options


def _dropping(module: DiffusionTraining, share: float) -> Callable[[], None]:
    def drop() -> None:
        module.context_dropout = share

    return drop


def _trained(
    module: GeneratorTraining, batch: Any, settings: Settings, kinds: Mapping[str, Callable[[], None]], **options: Any
) -> dict[str, Measured]:
    """Steps of each kind in turn; what belongs to a kind is called before each of its steps."""
    measurement = Measurement(list(kinds), settings.device, settings.repeats)

    def contexts() -> Iterator[AbstractContextManager[Any]]:
        for name, context in measurement.turns():
            kinds[name]()
            yield context

    run_steps(module, batch, contexts(), device=settings.device, precision=settings.precision, **options)
    return measurement.found()


def _clips(subject: Subject, settings: Settings, clips: int) -> dict[str, Any]:
    """A batch of random pixels, as a loader gives it."""
    size = subject.autoencoder
    shape = (settings.batch_size, 3, clips * size.frames, size.height, size.width)
    return {"video": torch.randint(256, shape, dtype=torch.uint8), **_about(subject, settings)}


def _latents(subject: Subject, settings: Settings) -> dict[str, Any]:
    """A batch of random latents of contexts and targets, as a loader of cached ones gives it."""
    size = subject.autoencoder
    latent = torch.rand(settings.batch_size, 2, size.latent_channels, size.latent_shape.positions).mul(2).sub(1)
    return {"latent": latent.half(), **_about(subject, settings)}


def _about(subject: Subject, settings: Settings) -> dict[str, Any]:
    """What a batch says of its samples."""
    batch = settings.batch_size
    about = {
        "path": [f"{index}.mp4" for index in range(batch)],
        "start": torch.zeros(batch, dtype=torch.int64),
        "fps": torch.full((batch,), 25.0, dtype=torch.float64),
        "key": torch.tensor([[0, 0, index] for index in range(batch)]),
        "has_context": torch.ones(batch, dtype=torch.bool),
    }
    classes = subject.denoiser.classes if subject.denoiser else None
    return about if classes is None else {**about, "label": torch.arange(batch) % classes}
