"""The gradient norm in the log: that of the whole update, before it is clipped."""

import copy

import pytest
import torch
from miniature import autoencoder_training, batch, diffusion_training, loader, trainer
from pytorch_lightning.loggers import Logger

from pvdm.training import DiffusionTraining
from pvdm.training.batches.sample_rng import noise_like, times

CLIP = 1e-3
"""Far below the norms that are found."""


class Scalars(Logger):
    """Keeps what is logged."""

    name, version = "kept", 0

    def __init__(self) -> None:
        super().__init__()
        self.norms: list[float] = []

    def log_metrics(self, metrics, step=None):
        self.norms += [metrics[name] for name in metrics if name == "train/gradient_norm"]

    def log_hyperparams(self, *_):
        pass


def norm_of(loss, network) -> float:
    gradients = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)
    return torch.cat([value.flatten() for value in gradients if value is not None]).norm().item()


def logged(tmp_path, module, batches, **options) -> list[float]:
    kept = Scalars()
    trainer(tmp_path, logger=kept, max_steps=1, log_every_n_steps=1, **options).fit(module, loader(batches))
    return kept.norms


def test_stage_1_with_accumulation_and_clipping(tmp_path):
    module = autoencoder_training(accumulate=2, clip_norm=CLIP)
    same, joint = copy.deepcopy(module.generator.autoencoder), batch([0, 1, 2, 3])["video"] / 127.5 - 1
    wanted = norm_of((same(joint) - joint).abs().mean(), same)
    (norm,) = logged(tmp_path, module, [batch([0, 1]), batch([2, 3])])
    assert norm == pytest.approx(wanted, rel=1e-4)
    assert norm > 100 * CLIP


def test_stage_2_with_accumulation_and_clipping(tmp_path):
    module = diffusion_training(tmp_path / "first", context_dropout=1.0)
    network, norms = module.generator.denoiser, []
    for clips in ([0, 1, 2, 3], [0, 1], [2, 3]):
        norms.append(norm_of(loss_of(module, batch(clips, clips=2)), network))
    more = {"accumulate_grad_batches": 2, "gradient_clip_val": CLIP}
    (norm,) = logged(tmp_path, module, [batch([0, 1], clips=2), batch([2, 3], clips=2)], **more)
    assert norm == pytest.approx(norms[0], rel=1e-4)
    assert min(abs(norm - half) for half in norms[1:]) > 1e-3 * norm
    assert norm > 100 * CLIP


def loss_of(module, samples):
    """What `training_step` minimizes, without a trainer."""
    target, condition = module.conditioning.latents(samples, torch.zeros(len(samples["key"]), dtype=torch.bool))
    t = times(samples, module.generator.schedule)
    return module.losses(target, noise_like(target, samples), t, condition).mean()


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_stage_2_is_clipped_in_mixed_precision(tmp_path, algorithm):
    module = diffusion_training(tmp_path / "first")
    seen = []

    def look(*_):
        gradients = [value.grad for value in module.generator.denoiser.parameters()]
        seen.append(torch.cat([value.flatten() for value in gradients]))

    module.optimizer_step = lambda *arguments: (DiffusionTraining.optimizer_step(module, *arguments), look())
    options = {"precision": "bf16-mixed", "gradient_clip_val": CLIP, "gradient_clip_algorithm": algorithm}
    (norm,) = logged(tmp_path, module, [batch([0, 1], clips=2)], **options)
    (clipped,) = seen
    size = clipped.norm() if algorithm == "norm" else clipped.abs().max()
    assert size.item() == pytest.approx(CLIP, rel=1e-3)
    assert norm > 100 * CLIP
