"""Stage 2 with class labels: what is dropped, what is asked of the data, and that a model learns its classes."""

import logging
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from miniature import AUTOENCODER, UNET, arguments, batch, diffusion_training, loader, read, trainer
from torch import nn

from pvdm.autoencoder import Triplane
from pvdm.cli import main
from pvdm.data import ClipDataset
from pvdm.data.collection import ClipCollection
from pvdm.data.table import NO_LABEL
from pvdm.diffusion import (
    Condition,
    DiffusionConfig,
    NoiseSchedule,
    SamplerConfig,
    UNetConfig,
    VideoNoise,
    min_snr_weight,
)
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training import DiffusionTraining, OptimizerConfig
from pvdm.training.batches.sample_rng import Draw, keep, noise_like, times

TWO_CLASSES = UNetConfig(**{**vars(UNET), "classes": 2})
CLASSES = ("dark", "light")


def labelled_batch(indices, **more) -> dict:
    """Samples whose label is their index modulo 2."""
    samples = batch(indices, clips=2, **more)
    return samples | {"label": samples["key"][:, 2] % 2}


def conditions(module, samples) -> Condition:
    """What a training step gives the denoiser; its loss is `.loss`."""
    seen, denoiser = [], module.generator.denoiser
    hook = denoiser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[2]))
    module.log, module.optimizers = lambda *_, **__: None, lambda: SimpleNamespace(param_groups=[{"lr": 1}])
    module.training_step(samples, 0)
    hook.remove()
    return seen[0]


@pytest.fixture
def module(tmp_path):
    return diffusion_training(tmp_path / "autoencoder", denoiser=TWO_CLASSES)


def test_context_and_label_are_dropped_independently_at_their_rates():
    keys = torch.tensor([[0, 0, index] for index in range(4000)])
    samples = {"video": torch.empty(4000), "key": keys}
    context, label = keep(samples, 0.7, Draw.CONTEXT).float(), keep(samples, 0.1, Draw.LABEL).float()
    assert context.mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.3 * 0.7 / 4000))
    assert label.mean().item() == pytest.approx(0.9, abs=4 * math.sqrt(0.9 * 0.1 / 4000))
    together = ((context - context.mean()) * (label - label.mean())).mean() / (context.std() * label.std())
    assert abs(together) < 4 / math.sqrt(4000)


def test_the_streams_of_time_context_label_and_noise_are_separate(tmp_path):
    def draws(**dropouts):
        module = diffusion_training(tmp_path / "autoencoder", denoiser=TWO_CLASSES, **dropouts)
        seen = {}
        losses = module.losses
        module.losses = lambda clean, noise, t, given: seen.update(noise=noise, t=t) or losses(clean, noise, t, given)
        given = conditions(module, labelled_batch(range(8)))
        return seen["noise"], seen["t"], given.mask, given.label_mask

    first = draws(context_dropout=0.5, label_dropout=0.5)
    fewer_contexts = draws(context_dropout=0.9, label_dropout=0.5)
    fewer_labels = draws(context_dropout=0.5, label_dropout=0.9)
    for other in (fewer_contexts, fewer_labels):
        assert torch.equal(other[0], first[0]) and torch.equal(other[1], first[1])
    assert torch.equal(fewer_contexts[3], first[3]) and not torch.equal(fewer_contexts[2], first[2])
    assert torch.equal(fewer_labels[2], first[2]) and not torch.equal(fewer_labels[3], first[3])
    uniforms = [draw.double() for draw in (first[1] / 1000, first[2], first[3])]
    assert len({tuple(draw.tolist()) for draw in uniforms}) == 3


def test_the_denoiser_is_given_the_labels_that_are_kept(module):
    samples = labelled_batch(range(8))
    given = conditions(module, samples)
    assert torch.equal(given.label, samples["label"])
    assert torch.equal(given.label_mask, keep(samples, 0.1, Draw.LABEL))
    assert torch.equal(given.mask, keep(samples, 0.7, Draw.CONTEXT))


def test_a_denoiser_without_classes_ignores_labels(tmp_path):
    module = diffusion_training(tmp_path / "autoencoder")
    assert conditions(module, labelled_batch(range(2))).label is None


def test_samples_without_labels_are_refused(module):
    with pytest.raises(InputError, match=r"the samples have no labels; .* leave model.denoiser.classes out"):
        conditions(module, batch(range(2), clips=2))


def partly_labelled(indices) -> dict:
    """Samples in which every third has no label."""
    samples = labelled_batch(indices)
    return samples | {"label": torch.where(samples["key"][:, 2] % 3 == 0, NO_LABEL, samples["label"])}


def test_samples_without_a_label_are_trained_without_one_beside_the_others(tmp_path):
    module = diffusion_training(tmp_path / "autoencoder", denoiser=TWO_CLASSES, label_dropout=0.0)
    nn.init.normal_(module.generator.denoiser.embed_label.weight)
    given = conditions(module, partly_labelled(range(6)))
    assert given.label_mask.tolist() == [False, True, True] * 2
    with torch.no_grad():
        mixed = module.training_step(partly_labelled(range(6)), 0)
        unlabelled = [
            module.training_step(labelled_batch([index]) | {"label": torch.tensor([-1])}, 0) for index in (0, 3)
        ]
        labelled = [module.training_step(labelled_batch([index]), 0) for index in (1, 2, 4, 5)]
    torch.testing.assert_close(mixed, torch.stack([*unlabelled, *labelled]).mean(), rtol=1e-5, atol=0)


def test_the_loss_with_the_label_is_of_labelled_samples_alone(module, tmp_path):
    nn.init.normal_(module.generator.denoiser.embed_label.weight)
    mixed, labelled, none = (
        trainer(tmp_path).validate(module, loader([samples]), verbose=False)[0]
        for samples in (
            partly_labelled(range(6)),
            labelled_batch((1, 2, 4, 5)),
            labelled_batch(range(2)) | {"label": torch.full((2,), NO_LABEL)},
        )
    )
    assert mixed["val/loss_label"] == pytest.approx(labelled["val/loss_label"], rel=1e-5)
    assert mixed["val/loss"] != pytest.approx(labelled["val/loss"], rel=1e-5)
    assert "val/loss_label" not in none and "val/loss" in none


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_the_training_loss_is_weighted_and_that_of_validation_is_not(tmp_path, prediction):
    config = DiffusionConfig(prediction=prediction)
    plain, weighted = (
        diffusion_training(tmp_path / "autoencoder", diffusion=config, min_snr_gamma=gamma) for gamma in (None, 5.0)
    )
    samples = batch(range(4), clips=2)
    with torch.no_grad():
        t = times(samples, NoiseSchedule(DiffusionConfig()))
        target, condition = plain.conditioning.latents(samples, keep(samples, 0.7, Draw.CONTEXT))
        losses = plain.losses(target, noise_like(target, samples), t, condition)
    weights = min_snr_weight(t, plain.generator.schedule, prediction, gamma=5.0)
    for module, wanted in ((plain, losses.mean()), (weighted, (losses * weights).mean().float())):
        module.log, module.optimizers = lambda *_, **__: None, lambda: SimpleNamespace(param_groups=[{"lr": 1}])
        torch.testing.assert_close(module.training_step(samples, 0).detach(), wanted, rtol=1e-5, atol=1e-7)
    found = [trainer(tmp_path).validate(module, loader([samples]), verbose=False) for module in (plain, weighted)]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_snr_gamma": 0.0}, r"min_snr_gamma is 0.0; give a value above 0 \(5 is usual\), or leave it out"),
        ({"min_snr_gamma": 5.0, "loss": "l1"}, "weights the squared error, but loss is l1; choose loss l2"),
        ({"label_dropout": 1.5}, "label_dropout is 1.5; give a value from 0 to 1"),
    ],
)
def test_values_are_checked(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        diffusion_training(tmp_path / "autoencoder", **options)


def test_a_video_too_short_for_a_context_is_trained_and_validated_without_one(tmp_path, monkeypatch):
    module = diffusion_training(tmp_path / "autoencoder", context_dropout=0.0)
    samples = batch(range(3), clips=2)
    samples["has_context"] = torch.tensor([True, False, True])
    seen, encode = [], module.generator.autoencoder.encode
    monkeypatch.setattr(module.generator.autoencoder, "encode", lambda video: seen.append(len(video)) or encode(video))
    assert conditions(module, samples).mask.tolist() == [True, False, True]
    assert seen == [3, 2]

    frames = AUTOENCODER.frames
    changed = samples | {"video": samples["video"].clone()}
    changed["video"][1, :, :frames] = 0
    losses = []
    for data in (samples, changed):
        (found,) = trainer(tmp_path).validate(module, loader([data]), verbose=False)
        losses.append(found)
    assert losses[0] == losses[1]  # not a pixel of it is read


def test_the_loss_with_context_is_the_mean_over_samples_that_have_one(tmp_path):
    module = diffusion_training(tmp_path / "autoencoder")

    def validated(*parts, have=()):
        batches = [batch(part, clips=2) for part in parts]
        for samples in batches:
            samples["has_context"] = torch.tensor([index in have for index in samples["key"][:, 2].tolist()])
        (found,) = trainer(tmp_path).validate(module, loader(batches), verbose=False)
        return found

    mixed = validated([0, 1, 2], [3, 4], have=(0, 1, 4))
    alone = validated([0, 1, 4], have=(0, 1, 4))
    assert mixed["val/loss_context"] == pytest.approx(alone["val/loss_context"], rel=1e-5)
    everyone = validated([0, 1, 2, 3, 4], have=range(5))
    assert mixed["val/loss"] == pytest.approx(everyone["val/loss"], rel=1e-5)
    assert mixed["val/loss_context"] != pytest.approx(everyone["val/loss_context"], rel=1e-5)
    first_has_none = validated([2, 3], [0, 1, 4], have=(0, 1, 4))
    assert first_has_none["val/loss_context"] == pytest.approx(alone["val/loss_context"], rel=1e-5)
    assert set(validated([2, 3])) == {"val/loss", "val/loss_no_context"}  # not NaN


def test_the_loss_with_the_label_alone_is_logged(module, tmp_path):
    samples = labelled_batch(range(4))
    (found,) = trainer(tmp_path).validate(module, loader([samples]), verbose=False)
    with torch.no_grad():
        target, _ = module.conditioning.latents(samples, torch.zeros(4, dtype=torch.bool))
        losses = [
            module.losses(target, noise_like(target, samples, t), torch.full((4,), t), given).mean().item()
            for t in module.time_steps()
            for given in (Condition(label=samples["label"]), Condition())
        ]
    assert found["val/loss_label"] == pytest.approx(sum(losses[::2]) / 3, rel=1e-5)
    assert found["val/loss"] == pytest.approx(sum(losses[1::2]) / 3, rel=1e-5)


def test_predictions_are_of_the_class_of_their_sample(module, monkeypatch):
    module.sampler = SamplerConfig(steps=2)
    samples = labelled_batch([4, 7])
    found = module.eval().predict_step(samples, 0)
    wanted = next(module.generator.stream(videos=[(0, 4), (0, 7)], labels=[0, 1], sampler=module.sampler))
    assert torch.equal(found["video"], wanted)
    other = next(module.generator.stream(videos=[(0, 4), (0, 7)], sampler=module.sampler))
    assert not torch.equal(found["video"], other)
    mixed = module.predict_step(samples | {"label": torch.tensor([0, NO_LABEL])}, 0)["video"]
    assert torch.equal(mixed[0], wanted[0]) and torch.equal(mixed[1], other[1])


class Labelled:
    """Property of a data module, whatever its `setup` says of its classes."""

    def __init__(self, classes: tuple[str, ...] | None) -> None:
        self.classes = classes

    def __get__(self, data, owner):
        return self.classes

    def __set__(self, data, value):
        pass


@pytest.fixture
def fit(make_video, tmp_path, monkeypatch):
    """`fit(classes_of_data, classes_of_denoiser, **options)` by the command line -> its exit status."""
    for index in range(2):
        make_video(f"videos/{index}.mp4", frames=12, height=16, width=16)
    VideoGenerator(AUTOENCODER).save_pretrained(tmp_path / "autoencoder")
    transfer = DiffusionTraining.transfer_batch_to_device

    def with_labels(self, samples, device, loader):
        return transfer(self, samples | {"label": samples["key"][:, 2] % 2}, device, loader)

    monkeypatch.setattr(DiffusionTraining, "transfer_batch_to_device", with_labels)
    monkeypatch.setattr(ClipDataset, "labels", np.zeros(2))

    def run(classes, wanted, **options):
        monkeypatch.setattr(ClipCollection, "classes", Labelled(classes), raising=False)
        options = {"model__denoiser__classes": wanted, "trainer__max_steps": 2, **options}
        options |= {"model__autoencoder": tmp_path / "autoencoder", "data__clips_per_video": 1}
        command = arguments("fit", "diffusion", tmp_path / "run", tmp_path / "videos", **options)
        return main([str(part) for part in command])

    return run


def test_classes_and_data_are_those_of_the_model_in_its_checkpoint(fit, tmp_path, caplog):
    assert fit(CLASSES, 2) == 0
    saved = read(tmp_path / "run")["pvdm"]
    assert saved["classes"] == list(CLASSES) and saved["denoiser"]["classes"] == 2
    assert saved["data"]["clip"] is not None
    model = VideoGenerator.load(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert model.classes == CLASSES
    assert fit(CLASSES, 2, trainer__max_steps=3) == 0  # goes on
    assert read(tmp_path / "run")["global_step"] == 3
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        assert fit(CLASSES[::-1], 2, trainer__max_steps=4) == 2
    assert "a label that is dark in the checkpoint is light in the data; give data of the same classes" in caplog.text


@pytest.mark.parametrize(
    ("classes", "wanted", "message"),
    [
        (None, 2, "model.denoiser.classes is 2, but the data have no classes; give data in folders by class, or leave"),
        (("a", "b", "c"), 2, "the data have 3 classes, the denoiser 2; set model.denoiser.classes to 3"),
        (CLASSES, 0, "classes is 0; give a number of at least 1, or leave it out"),
    ],
)
def test_data_of_other_classes_are_refused(fit, caplog, classes, wanted, message):
    with caplog.at_level(logging.ERROR):
        assert fit(classes, wanted) == 2
    assert message in caplog.text


def test_a_run_takes_labelled_and_unlabelled_videos_together(make_video, tmp_path, caplog):
    for name in ("train/a/0", "train/b/1", "train/2", "val/3"):
        make_video(f"videos/{name}.mp4", frames=12, height=16, width=16)
    VideoGenerator(AUTOENCODER).save_pretrained(tmp_path / "autoencoder")
    options = {"model__autoencoder": tmp_path / "autoencoder", "model__denoiser__classes": 2, "data__layout": "classes"}

    def fit(data, run):
        command = arguments("fit", "diffusion", tmp_path / run, data, **options, trainer__max_steps=2)
        with caplog.at_level(logging.WARNING):
            return main([str(part) for part in command])

    assert fit(tmp_path / "videos", "run") == 0
    assert read(tmp_path / "run")["pvdm"]["classes"] == ["a", "b"]
    assert "2 of 4 videos lie in no class folder and have no label, such as" in caplog.text
    (tmp_path / "videos" / "train" / "a").rename(tmp_path / "videos" / "val" / "a")
    (tmp_path / "videos" / "train" / "b").rename(tmp_path / "videos" / "val" / "b")
    assert fit(tmp_path / "videos", "other") == 2
    assert "model.denoiser.classes is 2, but no training video has a label; move some into" in caplog.text


class Pooled(nn.Module):
    """In the autoencoder's place: the latent's two channels are the means of red and green, everywhere alike."""

    config = AUTOENCODER
    latent_bound = 1.0

    def encode(self, video):
        means = video.mean((2, 3, 4))[:, :2, None, None]
        return Triplane(*(means.expand(-1, -1, *plane) for plane in AUTOENCODER.latent_shape.planes))


def coloured(indices, label, sign) -> dict:
    """Clips whose red depends on the label and whose green goes on from the context; both overlap between the kinds."""
    noise = VideoNoise([(9, index) for index in indices]).normal((2, 1))[..., 0]
    red, green = (0.35 * kind + 0.25 * part for kind, part in zip((2 * label - 1, sign), noise.unbind(1), strict=True))
    context = torch.stack((torch.zeros(len(label)), 0.5 * sign, torch.zeros(len(label))), 1)
    target = torch.stack((red, green, torch.zeros(len(label))), 1)
    clips = torch.stack((context, target), 2).repeat_interleave(AUTOENCODER.frames, dim=2)
    video = ((clips.clamp(-1, 1) + 1) * 127.5).round().byte()[..., None, None].expand(-1, -1, -1, 16, 16)
    return batch(indices, clips=2) | {"video": video, "label": label}


def kinds(indices) -> tuple[torch.Tensor, torch.Tensor]:
    """Label and sign of the context of each sample: all four combinations in turn."""
    index = torch.tensor(list(indices))
    return index % 2, (index // 2 % 2 * 2 - 1).float()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model whose denoiser has had a hundred updates."""
    folder = tmp_path_factory.mktemp("trained")
    module = diffusion_training(
        folder / "autoencoder",
        denoiser=UNetConfig(channels=32, channel_multipliers=(1,), blocks_per_level=1, attention_factors=(), classes=2),
        diffusion=DiffusionConfig(timesteps=100, linear_end=0.15, prediction="v"),
        optimizer=OptimizerConfig(learning_rate=6e-3, warmup_steps=1, cosine_steps=150),
        context_dropout=0.3,
        label_dropout=0.3,
    )
    module.generator.autoencoder = Pooled()
    parts = [range(start, start + 16) for start in range(0, 16 * 120, 16)]
    batches = [coloured(part, *kinds(part)) for part in parts]
    trainer(folder, max_steps=120).fit(module, loader(batches))
    return module.generator.eval()


def test_a_trained_model_samples_what_it_is_asked_for_and_guidance_sharpens_it(trained):
    label, sign = kinds(range(24))
    video = coloured(range(24), label, sign)["video"][:, :, : AUTOENCODER.frames]
    context, means = trained.autoencoder.encode(video.float() / 127.5 - 1).flatten(), (2 * label - 1, sign)

    def asked(context=None, label=None, **weights):
        """Share of samples on the right side, and how far they are on it: of the label's color, of the context's."""
        noise, sampler = VideoNoise([(0, index) for index in range(24)]), SamplerConfig("ddim", steps=6, **weights)
        found = trained.sample_latent(noise, Condition(context, label=label), sampler).mean(2)
        sides = [found[:, channel] * mean for channel, mean in enumerate(means)]
        return [((side > 0).float().mean().item(), side.mean().item()) for side in sides]

    by_label = asked(label=label), asked(label=label, label_guidance=1.0)
    by_context = asked(context), asked(context, guidance=1.0)
    both = asked(context, label, guidance=1.0, label_guidance=1.0)
    label_only = asked(context, label, label_guidance=1.0)
    for channel, (plain, guided) in enumerate((by_label, by_context)):
        assert plain[channel][0] > 0.75 and guided[channel][0] > 0.95
        assert guided[channel][1] > plain[channel][1] + 0.1
        assert 0.2 < plain[1 - channel][0] < 0.8  # nothing was asked of the other
    assert both[0][0] > 0.95 and both[1][0] > 0.95
    assert label_only[0][0] > 0.95 and label_only[1][1] < both[1][1] - 0.1  # the context does not guide
