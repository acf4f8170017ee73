"""Stage 1: its loss, its updates by hand, and what it logs."""

import math

import pytest
import torch
from miniature import AUTOENCODER, autoencoder_training, batch, loader, trainer
from pytorch_lightning import Callback
from torch.nn.utils import get_total_norm

from pvdm.autoencoder import SpectralConfig, Triplane
from pvdm.errors import ArgumentError, InputError
from pvdm.training import AdversaryConfig, AutoencoderTraining, OptimizerConfig
from pvdm.training import autoencoder_training as stage_1
from pvdm.training.batches.batch import clips
from pvdm.training.batches.sample_rng import frame_choice
from pvdm.training.data import VideoData

SPECTRAL = SpectralConfig(frames=4, height=16, width=16, patch=4, features=16, encoder_depth=1, decoder_depth=1)


class Observed(AutoencoderTraining):
    """Keeps the gradients of every update, as the optimizer gets them."""

    def on_before_optimizer_step(self, optimizer):
        gradients = {name: value.grad.clone() for name, value in self.generator.autoencoder.named_parameters()}
        self.gradients = [*getattr(self, "gradients", []), gradients]


class Log(Callback):
    """What was logged after every batch."""

    def __init__(self):
        self.batches = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches.append({name: float(value) for name, value in trainer.callback_metrics.items()})


class Frames:
    """In LPIPS's place: keeps the frames that it is shown; the distance is 2."""

    def __call__(self, found, wanted):
        self.found, self.wanted = found, wanted
        return torch.tensor(2.0)


def fit(folder, batches, *, callbacks=(), epochs=-1, steps=-1, **options):
    module = autoencoder_training(Observed, **options)
    run = trainer(folder, max_epochs=epochs, max_steps=steps, callbacks=[*callbacks])
    run.fit(module, loader(batches))
    return module


def dark(indices):
    """Clips darker by half with each, so that their latents differ in scale."""
    found = batch(indices)
    shares = torch.tensor([0.5**index for index in indices])
    return {**found, "video": (found["video"] * shares[:, None, None, None, None]).byte()}


@pytest.mark.parametrize("scale", [None, 0.5])
def test_accumulated_batches_are_one_of_their_sum(tmp_path, scale):
    more = {"clip_norm": None, "latent_scale": scale, "l1_weight": 1.0 if scale is None else 0.0}
    halves = fit(tmp_path, [dark([0, 1]), dark([2, 3])], steps=1, accumulate=2, **more)
    whole = fit(tmp_path, [dark([0, 1, 2, 3])], steps=1, **more)
    torch.testing.assert_close(halves.gradients, whole.gradients, rtol=1e-4, atol=1e-7)
    assert len(halves.gradients) == 1


def test_updates_are_counted_not_batches(tmp_path):
    module = fit(tmp_path, [batch([index]) for index in range(3)], epochs=2, accumulate=2)
    assert len(module.gradients) == module.updates == int(module.generator_updates) == 3
    assert module.trainer.global_step == 3


def test_an_epoch_shorter_than_an_update_still_trains(tmp_path):
    module = fit(tmp_path, [batch([0])], steps=2, accumulate=3)
    assert (module.updates, module.trainer.current_epoch) == (2, 6)


def test_the_gradient_is_clipped_and_its_norm_before_that_logged(tmp_path):
    log = Log()
    module = fit(tmp_path, [batch([0, 1])], steps=1, clip_norm=1e-3, callbacks=[log])
    norm = get_total_norm(list(module.gradients[0].values()))
    assert norm.item() == pytest.approx(1e-3, rel=1e-3)
    free = fit(tmp_path, [batch([0, 1])], steps=1, clip_norm=None)
    whole = get_total_norm(list(free.gradients[0].values()))
    assert log.batches[0]["train/gradient_norm"] == pytest.approx(whole.item(), rel=1e-4)
    assert whole > 1e-3


@pytest.mark.parametrize("clip_norm", [0.0, -1.0, math.nan])
def test_a_gradient_is_not_clipped_to_nothing(clip_norm):
    with pytest.raises(InputError, match=f"clip_norm is {clip_norm}; give a value above 0, or null for no clipping"):
        autoencoder_training(clip_norm=clip_norm)


def test_the_learning_rate_follows_the_updates(tmp_path):
    log, config = Log(), OptimizerConfig(learning_rate=0.5, warmup_steps=2, cosine_steps=4)
    fit(tmp_path, [batch([0])] * 6, steps=3, accumulate=2, callbacks=[log], optimizer=config)
    rates = [logged["train/learning_rate"] for logged in log.batches[1::2]]
    cosine = [(1 + math.cos(math.pi * step / 4)) / 2 for step in range(3)]
    assert rates == pytest.approx([0.25 * cosine[0], 0.5 * cosine[1], 0.5 * cosine[2]])


def numbered(size: int, frames: int) -> torch.Tensor:
    """Clips (b, 3, t, 2, 2) whose pixels tell clip and frame."""
    numbers = torch.arange(size)[:, None] * 10 + torch.arange(frames)
    return numbers[:, None, :, None, None].expand(size, 3, frames, 2, 2).float()


@pytest.mark.parametrize("count", [1, 3])
def test_lpips_sees_the_same_chosen_frames_of_both(count):
    module, samples = autoencoder_training(lpips_weight=0.5, lpips_frames=count), batch(range(5))
    module.perceptual = Frames()
    module.distances(numbered(5, 4) + 0.25, numbered(5, 4), samples)
    assert module.perceptual.found.shape == (5 * count, 3, 2, 2)
    torch.testing.assert_close(module.perceptual.found - 0.25, module.perceptual.wanted)
    numbers = module.perceptual.wanted[:, 0, 0, 0].long().reshape(5, count)
    assert torch.equal(numbers // 10, torch.arange(5)[:, None].expand(5, count))
    assert torch.equal(numbers % 10, frame_choice(samples, 4, count))
    assert all(len(set(row)) == count for row in numbers.tolist())


def test_all_frames_are_chosen_where_more_are_asked_for():
    assert sorted(frame_choice(batch([0]), 4, 9)[0].tolist()) == [0, 1, 2, 3]


def test_the_choice_of_frames_changes_with_the_epoch_alone():
    chosen = [frame_choice(batch(range(8), epoch=epoch), 16, 1) for epoch in (0, 0, 1)]
    assert torch.equal(chosen[0], chosen[1])
    assert not torch.equal(chosen[0], chosen[2])


def test_the_loss_is_the_weighted_sum():
    module = autoencoder_training(l1_weight=3.0, lpips_weight=0.5)
    module.perceptual = Frames()
    found, wanted = torch.zeros(2, 3, 4, 2, 2), torch.full((2, 3, 4, 2, 2), 0.5)
    distances = module.distances(found, wanted, batch(range(2)))
    assert {name: value.item() for name, value in distances.items()} == {"l1": 0.5, "lpips": 2.0}
    assert module.reconstruction_loss(distances).item() == 3 * 0.5 + 0.5 * 2


def test_differences_of_frames_see_what_changes_and_not_what_stays():
    module = autoencoder_training(difference_weight=2.0)
    video = torch.rand(2, 3, 4, 8, 8)
    brighter = module.distances(video + 0.5, video, {})
    torch.testing.assert_close(brighter["difference"], torch.tensor(0.0), rtol=0, atol=1e-6)
    flashing = video + torch.tensor([0.0, 0.5, 0.0, 0.5])[:, None, None]
    distances = module.distances(flashing, video, {})
    torch.testing.assert_close(distances["difference"], torch.tensor(0.5))
    torch.testing.assert_close(module.reconstruction_loss(distances), distances["l1"] + 2 * distances["difference"])
    assert "difference" not in module.distances(video[:, :, :1], video[:, :, :1], {})  # one frame has none


def test_an_autoencoder_of_one_size_refuses_equivariance():
    with pytest.raises(ArgumentError, match=r"equivariance_weight is 0\.1; use a spectral autoencoder"):
        autoencoder_training(equivariance_weight=0.1)


@pytest.mark.parametrize("config", [AUTOENCODER, SPECTRAL], ids=["released", "spectral"])
def test_planes_are_noised_before_they_are_decoded(config, monkeypatch):
    monkeypatch.setattr(AutoencoderTraining, "learn", lambda self, loss, measures: loss.backward())
    modules = []
    for noise in (0.0, 0.4, 0.4, 0.4):
        torch.manual_seed(0)
        modules.append(AutoencoderTraining(config, latent_noise=noise, lpips_weight=0.0))
    clean, first, again, other = (
        decoded(module, batch(range(64), seed=seed)) for module, seed in zip(modules, (0, 0, 0, 1), strict=True)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    levels = (first - clean).std((1, 2)) / clean.square().mean((1, 2)).sqrt()
    assert 0 <= levels.min() < 0.1 and 0.3 < levels.max() < 0.55  # of few values
    assert levels.mean().item() == pytest.approx(0.2, abs=0.04)
    gradients = [value.grad for value in modules[1].parameters() if value.grad is not None]
    assert any(gradient.any() for gradient in gradients)


def decoded(module, samples):
    """The flat latent (b, c, l) that a training step decodes."""
    seen, autoencoder = [], module.generator.autoencoder
    with pytest.MonkeyPatch.context() as patch:
        decode = autoencoder.decode
        patch.setattr(autoencoder, "decode", lambda planes: decode(seen.append(planes.flatten().detach()) or planes))
        module.training_step(samples, 0)
    return seen[0]


def test_each_latent_has_a_scale():
    planes = Triplane(torch.full((2, 1, 2, 2), 3.0), torch.zeros(2, 1, 1, 2), torch.zeros(2, 1, 1, 2))
    planes.hw[1] = 0.0
    assert stage_1.root_mean_squares(planes).tolist() == pytest.approx([4.5**0.5, 0.0])


@pytest.mark.parametrize("adversary", [None, AdversaryConfig(channels=8, layers=1)])
def test_what_is_logged_of_an_update_are_the_means_of_its_batches(tmp_path, adversary):
    """In the GAN phase, too, the loss is that of the reconstruction."""

    def logged(*batches):
        log, options = Log(), {"latent_scale": 0.5, "adversary": adversary, "accumulate": len(batches)}
        fit(tmp_path, batches, steps=1, callbacks=[log], **options)
        names = ("loss", "l1", "latent_scale")
        assert not any("train/loss" in found for found in log.batches[:-1])
        return [log.batches[-1][f"train/{name}"] for name in names]

    parts = [logged(dark([index])) for index in range(3)]
    assert len({loss for loss, *_ in parts}) == 3
    assert logged(*(dark([index]) for index in range(3))) == pytest.approx(torch.tensor(parts).mean(dim=0).tolist())
    assert logged(dark([0, 1, 2])) == pytest.approx(torch.tensor(parts).mean(dim=0).tolist())
    assert all(loss == l1 for loss, l1, _ in parts)


@pytest.mark.parametrize("verb", ["fit", "validate", "test"])
def test_lpips_is_loaded_once_and_measured(tmp_path, monkeypatch, verb):
    loads = []
    monkeypatch.setattr(stage_1, "PerceptualDistance", lambda path: loads.append(path) or Frames())
    module, data = autoencoder_training(lpips_weight=1.0, vgg_weights=tmp_path / "vgg.pth"), loader([batch([0])])
    run = trainer(tmp_path, max_steps=1)
    getattr(run, verb)(module, data)
    assert loads == [tmp_path / "vgg.pth"]
    assert run.callback_metrics["train/lpips" if verb == "fit" else "val/lpips"] == 2


def test_lpips_is_not_fetched_for_data_that_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(stage_1, "PerceptualDistance", None)
    with pytest.raises(InputError, match="does not exist"):
        trainer(tmp_path, max_steps=1).fit(autoencoder_training(lpips_weight=1.0), VideoData(tmp_path / "none"))


def test_predictions_need_no_lpips(tmp_path, monkeypatch):
    monkeypatch.setattr(stage_1, "PerceptualDistance", None)
    (found,) = trainer(tmp_path).predict(autoencoder_training(lpips_weight=1.0), loader([batch([0])]))
    assert found["video"].dtype == torch.uint8


def test_without_its_weight_lpips_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(stage_1, "PerceptualDistance", None)
    fit(tmp_path, [batch([0])], steps=1, lpips_weight=0.0)


def test_validation_does_not_depend_on_the_batch_size(tmp_path):
    def metrics(*sizes):
        batches, start = [], 0
        for size in sizes:
            batches.append(batch(range(start, start + size)))
            start += size
        (found,) = trainer(tmp_path).validate(autoencoder_training(), loader(batches), verbose=False)
        return found

    assert metrics(1, 1, 1, 1) == pytest.approx(metrics(3, 1), rel=1e-5)
    assert set(metrics(4)) == {"val/psnr", "val/ssim", "val/l1", "val/sharpness"}


def test_a_reconstruction_is_named_by_sample_file_and_first_frame():
    module = autoencoder_training().eval()
    samples = {**batch([3, 7]), "path": ["a/clip.avi", "b/clip.avi"], "start": torch.tensor([5, 0])}
    prediction = module.predict_step(samples, 0)
    assert prediction["names"] == ["000003_clip_000005", "000007_clip_000000"]
    assert (prediction["video"].dtype, prediction["video"].shape) == (torch.uint8, samples["video"].shape)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_recomputed_activations_give_the_same_update(tmp_path, precision):
    def trained(recompute):
        module = autoencoder_training(activation_checkpointing=recompute)
        trainer(tmp_path, max_steps=1, precision=precision).fit(module, loader([batch([0, 1])]))
        return module.generator.state_dict()

    plain, recomputed = trained(False), trained(True)
    assert all(torch.equal(plain[name], recomputed[name]) for name in plain)
    start = autoencoder_training().generator.state_dict()
    assert any(not torch.equal(plain[name], start[name]) for name in plain)
    assert {value.dtype for value in plain.values()} == {torch.float32}


def test_pixels_become_floats_between_minus_one_and_one():
    video = clips(batch([0]))
    assert (video.dtype, video.min().item(), video.max().item()) == (torch.float32, -1.0, 1.0)
