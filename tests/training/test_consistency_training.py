"""Consistency tuning: what the network is to predict, what is drawn, and what a checkpoint does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from miniature import AUTOENCODER, SIZES, read
from reference import normal
from runs import assert_same_training
from torch import nn

from pvdm.cli import main
from pvdm.diffusion import (
    Condition,
    DiffusionConfig,
    Prediction,
    SamplerConfig,
    TransformerConfig,
    clean_of_step,
    velocity,
)
from pvdm.generation import VideoGenerator
from pvdm.training import ConsistencyTraining
from pvdm.training.batches.drawn_guidance import DrawnGuidance

SPREAD = 0.5


@pytest.fixture
def model(tmp_path):
    """A model of stage 2 with a guide."""
    torch.manual_seed(0)
    sizes = TransformerConfig(2, tuple(AUTOENCODER.latent_shape), 16, 1, 2, frame_patch=4, context_levels=True)
    model = VideoGenerator(AUTOENCODER, sizes, DiffusionConfig(prediction="v", autoguidance=0.5))
    for parameter in model.denoiser.parameters():
        nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


class Consistent(nn.Module):
    """The velocity by which one step ends where the flow of data of one Gaussian does, at the ends given."""

    def __init__(self, schedule, ends: torch.Tensor, config) -> None:
        super().__init__()
        self.schedule, self.ends, self.config = schedule, ends, config

    def spread(self, t: torch.Tensor) -> torch.Tensor:
        alpha, sigma = self.schedule.scales(t, self.like)
        return (alpha**2 * SPREAD**2 + sigma**2).sqrt()

    def clean(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        self.like = x
        reached = x * self.spread(self.ends) / self.spread(t)
        return clean_of_step(x, t, reached, self.ends, self.schedule)

    def forward(self, x: torch.Tensor, t: torch.Tensor, condition: Condition) -> torch.Tensor:
        clean = self.clean(x, t)
        alpha, sigma = self.schedule.scales(t, x)
        return velocity(clean, (x - alpha * clean) / sigma, t, self.schedule)


def exact(schedule):
    """The denoiser of data of one Gaussian."""

    def denoise(x: torch.Tensor, t: torch.Tensor) -> Prediction:
        alpha, sigma = schedule.scales(t, x)
        clean = x * alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + sigma**2)
        return Prediction(clean, (x - alpha * clean) / sigma)

    return denoise


@pytest.mark.parametrize("is_distilled", [True, False])
def test_the_target_of_a_consistent_network_is_its_own_prediction(model, is_distilled, monkeypatch):
    module = ConsistencyTraining(model, teacher=SamplerConfig() if is_distilled else None)
    schedule = module.generator.schedule
    t, earlier = torch.tensor([999, 421, 124, 30]), torch.tensor([985, 410, 118, -1])
    ends = torch.tensor([421, 124, 15, -1])
    network = Consistent(schedule, ends, module.generator.denoiser.config)
    module.generator.denoiser = network
    monkeypatch.setattr(module.teacher, "denoise_of", lambda *_, **__: exact(schedule))
    x = normal(1, 4, 2, 16).double()
    clean, noise = exact(schedule)(x, t)  # a clip's own noise leads where the denoiser does, in the mean
    told = Condition(steps=torch.tensor([4, 4, 4, 0]))
    found = module.target(x, t, earlier, ends, clean, noise, Condition(), told)
    torch.testing.assert_close(found[:3], network.clean(x, t)[:3], rtol=2e-2, atol=2e-2)
    torch.testing.assert_close(found[3], clean[3])


def test_a_guided_teacher_is_distilled(model):
    module = ConsistencyTraining(model)
    assert module.teacher_sampler.autoguidance == 0.5 and module.generator.guide is None
    assert not any(name.startswith("_held") or "teacher" in name for name in module.state_dict())


def test_a_drawn_weight_guides_the_teacher_of_each_sample(model):
    guidance = DrawnGuidance("autoguidance", 2.0)
    module, t = ConsistencyTraining(model, drawn_guidance=guidance), torch.tensor([999, 421, 124])
    weights, x = torch.tensor([0.0, 0.5, 2.0]), normal(1, 3, 2, module.generator.denoiser.shape.positions)
    found = module._taught(Condition(), weights)(x, t)
    for index, weight in enumerate(weights.tolist()):
        alone = module.teacher.denoise_of(Condition(), replace(module.teacher_sampler, autoguidance=weight))(x, t)
        torch.testing.assert_close(found.clean[index], alone.clean[index])
    batch = {"key": torch.tensor([[0, 0, index] for index in range(200)]), "video": torch.zeros(200)}
    drawn = guidance.draw(batch)
    assert 0 <= drawn.min() < 0.1 and 1.9 < drawn.max() <= 2 and torch.equal(drawn, guidance.draw(batch))


@pytest.mark.parametrize("drawn", [None, DrawnGuidance("guidance", 2.0)])
def test_samples_with_a_text_may_go_without_autoguidance(tmp_path, drawn):
    torch.manual_seed(0)
    more = {"frame_patch": 4, "context_levels": True, "text_width": 8, "text_tokens": 3}
    sizes = TransformerConfig(2, tuple(AUTOENCODER.latent_shape), 16, 1, 2, **more)
    model = VideoGenerator(AUTOENCODER, sizes, DiffusionConfig(prediction="v", autoguidance=0.5))
    for parameter in model.denoiser.parameters():
        nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(tmp_path / "model")
    mask = torch.tensor([[True, True, False], [False, False, False]])
    condition = Condition(text=normal(1, 2, 3, 8), text_mask=mask)
    x, t = normal(0, 2, 2, model.denoiser.shape.positions), torch.tensor([900, 300])
    weights = None if drawn is None else torch.tensor([0.0, 1.5])
    modules = [ConsistencyTraining(tmp_path / "model", autoguided_text=is_on, drawn_guidance=drawn) for is_on in (0, 1)]
    found, guided = (module._taught(condition, weights)(x, t).clean for module in modules)
    sampler = replace(modules[0].teacher_sampler, autoguidance=0.0)
    plain = modules[0].teacher.denoise_of(condition, sampler)(x, t).clean
    torch.testing.assert_close(found[:1], plain[:1])
    torch.testing.assert_close(found[1:], guided[1:])
    assert not torch.allclose(guided[:1], plain[:1], rtol=1e-2)


def test_a_weight_becomes_an_input_that_learns_and_stays_one(fit, tmp_path, caplog):
    assert fit(model__drawn_guidance__name="autoguidance", model__drawn_guidance__most=2) == 0
    tuned = tmp_path / "run" / "checkpoints" / "last.ckpt"
    network = VideoGenerator.load(tuned).denoiser
    assert network.config.guidance_input == "autoguidance" and network.embed_guidance.layer.weight.abs().max() > 0
    again = ConsistencyTraining(tuned)  # which teaches by its own input
    x, t = normal(2, 2, 2, network.shape.positions), torch.tensor([999, 421])
    told = again._taught(Condition(), torch.tensor([0.0, 2.0]))(x, t)
    assert torch.isfinite(told.clean).all() and again.drawn == DrawnGuidance("autoguidance", 2.0)
    assert fit("other", model__init_from=tuned, model__drawn_guidance__name="guidance") == 2
    assert "guidance is drawn, and the model is told autoguidance already; draw autoguidance" in caplog.text


@pytest.fixture
def fit(videos, tmp_path, model):
    """`fit("name of a run", trainer__max_steps=2)` -> status; tunes `model`."""

    def fit(name="run", **more) -> int:
        options = {**SIZES, "data.path": videos, "data.clips_per_video": 2, "data.batch_size": 2}
        options |= {"model.init_from": model, "model.validation_times": 1, "model.few_steps": "[1, 2]"}
        options |= {"trainer.default_root_dir": tmp_path / name, "trainer.max_steps": 2, "trainer.precision": "32-true"}
        options |= {"model.optimizer.warmup_steps": 1, "trainer.val_check_interval": 2}
        options |= {key.replace("__", "."): value for key, value in more.items()}
        configs = ["-c", "configs/consistency.yaml"]
        if "model.adversary.start" in options:
            configs += ["-c", "configs/adversarial.yaml"]
        return main(["fit", *configs, *(f"--{key}={value}" for key, value in options.items())])

    return fit


def test_a_model_is_tuned_for_the_timesteps_that_were_searched_for_it(fit, tmp_path):
    model = VideoGenerator.load(tmp_path / "model")
    model.diffusion = replace(model.diffusion, searched_times=((900, 300), (70,)))
    model.save_pretrained(tmp_path / "model", overwrite=True)
    assert fit() == 0
    tuned = VideoGenerator.load(tmp_path / "run" / "checkpoints" / "last.ckpt").eval()
    assert [tuned.completed(SamplerConfig("consistency", steps)).grid for steps in (1, 2)] == [(70,), (900, 300)]
    assert torch.isfinite(tuned.sample(1, steps=2).float()).all()


def test_a_resumed_run_equals_one_that_was_not_interrupted_and_takes_few_steps(fit, tmp_path):
    assert fit("whole", trainer__max_steps=4, model__halvings=0) == 0
    assert fit("parts", trainer__max_steps=2, model__halvings=0) == 0
    assert fit("parts", trainer__max_steps=4, model__halvings=0) == 0
    assert_same_training(read(tmp_path / "parts"), read(tmp_path / "whole"))
    tuned = VideoGenerator.load(tmp_path / "whole" / "checkpoints" / "last.ckpt").eval()
    assert tuned.denoiser.config.few_steps == (1, 2)
    clips = {steps: tuned.sample(1, steps=steps) for steps in (1, 2, 5)}
    assert torch.equal(tuned.sample(1), clips[2]) and not torch.equal(clips[1], clips[2])


def test_a_run_resumed_in_the_gan_phase_equals_one_that_was_not_interrupted(fit, tmp_path):
    phase = {"model__adversary__start": 1, "model__adversary__warmup_steps": 0, "model__halvings": 0}
    phase |= {"trainer__accumulate_grad_batches": 2, "trainer__val_check_interval": 4}
    assert fit("whole", trainer__max_steps=4, **phase) == 0
    assert fit("parts", trainer__max_steps=3, **phase) == 0
    assert fit("parts", trainer__max_steps=4, **phase) == 0
    whole, parts = read(tmp_path / "whole"), read(tmp_path / "parts")
    assert_same_training(parts, whole)
    assert int(whole["state_dict"]["adversary.updates"]) == 3
    assert float(whole["state_dict"]["adversary.adaptive_weight"]) > 0
    states = whole["adversary"]["optimizer"]["state"], parts["adversary"]["optimizer"]["state"]
    for number, state in states[0].items():
        assert torch.equal(state["exp_avg"], states[1][number]["exp_avg"])


def test_jumps_are_halved_over_the_training(model):
    module = ConsistencyTraining(model, halvings=3)
    found = []
    for updates in range(0, 100, 5):
        module._trainer = type("Trainer", (), {"max_steps": 100, "global_step": updates})()
        found.append(module.halved)
    assert found == sorted(found) and [found.count(number) for number in range(4)] == [5, 5, 5, 5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model__few_steps": "[]"}, "few_steps is []"),
        ({"model__huber": 0}, "huber is 0"),
        ({"model__teacher__guidance_interval": "[0.1, 1]"}, "teacher.guidance_interval is set"),
        (
            {"model__drawn_guidance__name": "autoguidance", "model__autoguided_text": "false"},
            "autoguided_text is false, and the weight of autoguidance is drawn; choose one of the two",
        ),
        (
            {"model__drawn_guidance__name": "label_guidance"},
            "the input is label_guidance, and the network has no classes",
        ),
        (
            {"model__drawn_guidance__name": "guidance", "model__teacher": "null"},
            "guidance is drawn and there is no teacher",
        ),
        (
            {"model__drawn_guidance__name": "guidance", "model__teacher__guidance": 5},
            "teacher.guidance is 5, and 4 the most that is drawn; raise drawn_guidance.most",
        ),
        ({"trainer__max_steps": -1, "trainer__max_epochs": 1}, "set trainer.max_steps"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(fit, options, message, caplog):
    assert fit(**options) == 2
    assert message in caplog.text
