"""Stage 2: its loss against the formula, its condition, and what its randomness depends on."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from miniature import AUTOENCODER, Toy, batch, diffusion_training, loader, trainer
from torch import nn

from pvdm.diffusion import DiffusionConfig, NoiseSchedule, TimeDistribution
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training import AveragedWeights, DiffusionTraining
from pvdm.training.batches.sample_rng import Draw, keep, noise_like, times


class Denoiser(nn.Module):
    """In the U-Net's place: keeps what it is given; its output is half the noisy latent."""

    def __init__(self, classes: int | None = None) -> None:
        super().__init__()
        self.config = SimpleNamespace(classes=classes)

    def forward(self, z, t, condition):
        self.z, self.t, self.condition = z, t, condition
        return z / 2


@pytest.fixture
def module(tmp_path) -> DiffusionTraining:
    return diffusion_training(tmp_path / "autoencoder")


def latents(*seeds: int) -> torch.Tensor:
    """(b, c, l) in [-1, 1]."""
    shape = (len(seeds), AUTOENCODER.latent_channels, AUTOENCODER.latent_shape.positions)
    return torch.from_numpy(np.random.default_rng(seeds).uniform(-1, 1, shape)).float()


def alpha_bar(config: DiffusionConfig) -> np.ndarray:
    """The cumulative product of DDPM, written anew."""
    betas = np.linspace(config.linear_start**0.5, config.linear_end**0.5, config.timesteps) ** 2
    return np.cumprod(1 - betas)


@pytest.mark.parametrize("norm", ["l2", "l1"])
@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_the_loss_is_the_formula(tmp_path, prediction, norm):
    config = DiffusionConfig(timesteps=50, prediction=prediction)
    module = diffusion_training(tmp_path / "autoencoder", diffusion=config, loss=norm)
    module.generator.denoiser = denoiser = Denoiser()
    clean, noise, t, context = latents(1, 2), latents(3, 4), torch.tensor([3, 40]), latents(5, 6)
    found = module.losses(clean, noise, t, context)

    alpha = torch.from_numpy(alpha_bar(config)[t.numpy()]).sqrt()[:, None, None]
    sigma = (1 - alpha**2).sqrt()
    noisy = alpha * clean + sigma * noise
    target = {"eps": noise, "x0": clean, "v": alpha * noise - sigma * clean}[prediction]
    error = noisy / 2 - target
    wanted = (error**2 if norm == "l2" else error.abs()).mean((1, 2))
    torch.testing.assert_close(found, wanted.float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(denoiser.z, noisy.float(), rtol=1e-5, atol=1e-6)
    assert denoiser.condition is context


def test_the_context_is_dropped_sample_by_sample_at_the_rate_given():
    kept = keep(batch_of_keys(4000), 0.7, Draw.CONTEXT).float()
    assert kept.mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.3 * 0.7 / 4000))
    quarters = kept.reshape(500, 8).sum(1)
    assert (quarters > 0).float().mean() > 0.9  # each batch of 8 has both kinds, but for chance
    assert (quarters < 8).all()
    assert keep(batch_of_keys(50), 0.0, Draw.CONTEXT).all()
    assert not keep(batch_of_keys(50), 1.0, Draw.CONTEXT).any()


def test_only_kept_contexts_are_encoded_and_dropped_samples_see_zeros(module, monkeypatch):
    autoencoder, seen = module.generator.autoencoder, []
    encode = autoencoder.encode
    monkeypatch.setattr(autoencoder, "encode", lambda video: seen.append(video) or encode(video))
    samples, keep = batch(range(3), clips=2), torch.tensor([True, False, True])
    target, condition = module.conditioning.latents(samples, keep)

    video = samples["video"].float() / 127.5 - 1
    frames = AUTOENCODER.frames
    torch.testing.assert_close(seen, [video[:, :, frames:], video[[0, 2], :, :frames]])
    read = condition.channels(target)
    assert not read[1].any()
    torch.testing.assert_close(read[[0, 2]], encode(video[[0, 2], :, :frames]).flatten())
    torch.testing.assert_close(target, encode(video[:, :, frames:]).flatten())


def test_where_no_context_is_kept_none_is_encoded(module, monkeypatch):
    autoencoder, seen = module.generator.autoencoder, []
    encode = autoencoder.encode
    monkeypatch.setattr(autoencoder, "encode", lambda video: seen.append(len(video)) or encode(video))
    target, condition = module.conditioning.latents(batch(range(3), clips=2), torch.zeros(3, dtype=torch.bool))
    assert seen == [3]
    assert not condition.channels(target).any()


def test_the_training_step_draws_noise_times_and_contexts_of_its_samples(module, tmp_path):
    module.generator.denoiser = denoiser = Denoiser()
    module.trainer = trainer(tmp_path)
    module.optimizers = lambda: torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1)
    module.log = lambda *_, **__: None
    samples = batch(range(6), clips=2)
    loss = module.training_step(samples, 0)
    kept = keep(samples, module.conditioning.context_dropout, Draw.CONTEXT)
    t = times(samples, NoiseSchedule(DiffusionConfig()))
    target, _ = module.conditioning.latents(samples, kept)
    noise = noise_like(target, samples)
    assert torch.equal(denoiser.t, t)
    assert torch.equal(denoiser.condition.mask, kept)
    torch.testing.assert_close(loss, (denoiser.z / 2 - noise).square().mean())


def test_contexts_are_noised_to_levels_that_the_denoiser_is_told(tmp_path):
    noised = diffusion_training(tmp_path / "autoencoder", context_dropout=0.0, context_noise=TimeDistribution())
    assert noised.generator.denoiser.config.context_levels
    samples = batch(range(4), clips=2)
    _, clean = noised.conditioning.latents(samples, torch.ones(4, dtype=torch.bool))
    found, again = (noised.conditioning.noised(clean, samples) for _ in range(2))
    assert found.level.unique().numel() > 1 and found.level.min() >= 0
    alpha, sigma = noised.generator.schedule.scales(found.level, clean.context)
    noise = ((found.context - alpha * clean.context) / sigma)[clean.mask]
    assert noise.std().item() == pytest.approx(1, abs=0.2)
    assert again.context.equal(found.context) and again.level.equal(found.level)
    plain = diffusion_training(tmp_path / "autoencoder")
    assert plain.conditioning.noised(clean, samples) is clean and not plain.generator.denoiser.config.context_levels


def batch_of_keys(count: int, **key: int) -> dict:
    """Samples of which nothing but the keys matters."""
    seed, epoch = key.get("seed", 0), key.get("epoch", 0)
    return {"video": torch.empty(count), "key": torch.tensor([[seed, epoch, index] for index in range(count)])}


DRAWS = [
    lambda samples: noise_like(torch.empty(len(samples["key"]), 2, 5), samples),
    lambda samples: times(samples, NoiseSchedule(DiffusionConfig())),
    lambda samples: keep(samples, 0.5, Draw.CONTEXT),
]


@pytest.mark.parametrize("draw", DRAWS, ids=["noise", "times", "contexts"])
def test_draws_depend_on_seed_epoch_and_index_alone(draw):
    whole = draw(batch_of_keys(64))
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    assert torch.equal(draw(batch_of_keys(64)), whole)
    part = {"video": torch.empty(2), "key": torch.tensor([[0, 0, 40], [0, 0, 3]])}
    assert torch.equal(draw(part), whole[[40, 3]])
    assert not torch.equal(draw(batch_of_keys(64, seed=1)), whole)
    assert not torch.equal(draw(batch_of_keys(64, epoch=1)), whole)


def test_times_are_uniform():
    drawn = times(batch_of_keys(4000), NoiseSchedule(DiffusionConfig(timesteps=10)))
    shares = torch.bincount(drawn, minlength=10) / 4000
    assert shares.tolist() == pytest.approx([0.1] * 10, abs=5 * math.sqrt(0.09 / 4000))


def test_noise_at_a_time_of_validation_is_its_own():
    latent, samples = torch.empty(2, 2, 5), batch_of_keys(2)
    draws = [noise_like(latent, samples, *more) for more in ((), (0,), (1,))]
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[1], draws[2])


def test_the_times_of_validation_are_the_middles_of_equal_parts(tmp_path):
    module = diffusion_training(tmp_path / "a", validation_times=4, diffusion=DiffusionConfig(timesteps=100))
    assert module.time_steps() == [12, 37, 62, 87]


def test_the_validation_loss_does_not_depend_on_the_batch_size(module, tmp_path):
    def metrics(*sizes):
        starts = np.cumsum([0, *sizes])
        batches = [batch(range(start, start + size), clips=2) for start, size in zip(starts, sizes, strict=False)]
        (found,) = trainer(tmp_path).validate(module, loader(batches), verbose=False)
        return found

    found = metrics(4)
    assert found == metrics(4)
    assert found == pytest.approx(metrics(3, 1), rel=1e-5)
    assert found == pytest.approx(metrics(1, 1, 1, 1), rel=1e-5)
    assert set(found) == {"val/loss", "val/loss_context", "val/loss_no_context"}
    assert found["val/loss"] == found["val/loss_no_context"] != found["val/loss_context"]


def test_the_validation_loss_is_the_mean_over_samples_and_times(module, tmp_path):
    samples = batch(range(2), clips=2)
    (found,) = trainer(tmp_path).validate(module, loader([samples]), verbose=False)
    target, condition = module.conditioning.latents(samples, torch.ones(2, dtype=torch.bool))
    with torch.no_grad():
        losses = [
            module.losses(target, noise_like(target, samples, t), torch.full((2,), t), condition).mean().item()
            for t in module.time_steps()
        ]
    assert found["val/loss_context"] == pytest.approx(np.mean(losses), rel=1e-5)


def test_the_autoencoder_is_frozen(module, tmp_path):
    autoencoder = module.generator.autoencoder
    before = {name: value.clone() for name, value in autoencoder.state_dict().items()}
    start = {name: value.clone() for name, value in module.generator.denoiser.state_dict().items()}
    modes = []
    module.on_train_batch_start = lambda *_: modes.append((autoencoder.training, module.generator.denoiser.training))
    run = trainer(tmp_path, max_steps=3, val_check_interval=1, callbacks=[AveragedWeights(0.5)])
    data = loader([batch(range(2), clips=2)])
    run.fit(module, data, data)
    run.save_checkpoint(tmp_path / "run.ckpt", weights_only=False)

    assert modes == [(False, True)] * 3
    assert not any(value.requires_grad for value in autoencoder.parameters())
    assert all(torch.equal(before[name], value) for name, value in autoencoder.state_dict().items())
    saved = torch.load(tmp_path / "run.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(saved[f"generator.autoencoder.{name}"], value) for name, value in before.items())
    assert any(not torch.equal(start[name], value) for name, value in module.generator.denoiser.state_dict().items())
    module.train()
    assert not any(part.training for part in autoencoder.modules())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_recomputed_activations_give_the_same_update(tmp_path, precision):
    def trained(recompute):
        module = diffusion_training(tmp_path / "autoencoder", activation_checkpointing=recompute)
        run = trainer(tmp_path, max_steps=1, precision=precision, gradient_clip_val=1.0)
        run.fit(module, loader([batch(range(2), clips=2)]))
        return module.generator.denoiser.state_dict()

    plain, recomputed = trained(False), trained(True)
    torch.testing.assert_close(plain, recomputed, rtol=0, atol=0)
    start = diffusion_training(tmp_path / "autoencoder").generator.denoiser.state_dict()
    assert any(not torch.equal(plain[name], start[name]) for name in plain)
    assert {value.dtype for value in plain.values()} == {torch.float32}


def test_samples_depend_on_seed_and_index_alone(module):
    module.sampler = type(module.sampler)(steps=2)
    module.eval()
    both, one = (module.predict_step(batch(indices, clips=2, epoch=3), 0) for indices in ([0, 5], [5]))
    assert both["names"] == ["sample_000000", "sample_000005"]
    assert (both["video"].dtype, both["video"].shape) == (torch.uint8, (2, 3, 4, 16, 16))
    assert (both["video"][1].int() - one["video"][0].int()).abs().max() <= 1


def test_the_autoencoder_may_be_a_checkpoint_of_another_stage_2(module, tmp_path):
    run = trainer(tmp_path, max_steps=1)
    run.fit(module, loader([batch(range(2), clips=2)]))
    run.save_checkpoint(tmp_path / "run.ckpt", weights_only=False)
    again = DiffusionTraining(tmp_path / "run.ckpt", denoiser=module.generator.denoiser.config)
    torch.testing.assert_close(again.generator.autoencoder.state_dict(), module.generator.autoencoder.state_dict())


def test_a_checkpoint_of_other_sizes_is_refused_in_a_sentence(module, tmp_path):
    checkpoint = {"pvdm": module.generator.to_config()}
    module.on_load_checkpoint(checkpoint)
    del checkpoint["pvdm"]["classes"], checkpoint["pvdm"]["data"], checkpoint["pvdm"]["denoiser"]["classes"]
    del checkpoint["pvdm"]["denoiser"]["frame_patch"]
    module.on_load_checkpoint(checkpoint)  # of a version before there were classes and patches of frames
    checkpoint["pvdm"]["denoiser"]["channels"] = 64
    with pytest.raises(InputError, match=r"denoiser\.channels is 64 in the checkpoint and 32 in the configuration"):
        module.on_load_checkpoint(checkpoint)
    with pytest.raises(InputError, match="the checkpoint is of stage 1 and this is stage 2"):
        module.on_load_checkpoint({"pvdm": VideoGenerator(AUTOENCODER).to_config()})
    with pytest.raises(InputError, match="not one of pvdm fit"):
        module.on_load_checkpoint({"state_dict": Toy().state_dict()})
