"""Samplers as numbers: what they lead to is what the samplers do."""

from dataclasses import replace

import pytest
import torch

from pvdm.diffusion import DiffusionConfig, NoiseSchedule, SamplerConfig, VideoNoise, make_denoise, sample
from pvdm.errors import ArgumentError
from pvdm.generation.runtimes.step_plan import step_plan


def network(z, t, condition):
    """Something that is not linear, and depends on the time."""
    return torch.tanh(z * (1 + t[:, None, None] / 200)) - 0.3


def followed(plan, x, network, bound=None):
    """What a program without samplers does, as step_plan.py says."""
    before, known = None, []
    for step in plan:
        clean = step.clean[0] * x + step.clean[1] * network(x, torch.tensor([step.time]), None)
        clean = clean if bound is None else clean.clamp(-bound, bound)
        if step.next is None:
            return clean
        if step.correct:
            x = sum(weight * part for weight, part in zip(step.correct, [before, *known, clean], strict=True))
        known = [*known, clean][-2:]
        used = known[len(known) - len(step.next) + 1 :]
        before, x = x, sum(weight * part for weight, part in zip(step.next, [x, *used], strict=True))
    raise AssertionError("no last step")


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_unipc(prediction, steps):
    schedule = NoiseSchedule(DiffusionConfig(timesteps=200))
    sampler = SamplerConfig("unipc", steps).completed(200)
    x = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0)).double()
    denoise = make_denoise(network, schedule, parameterization=prediction, bound=1.0)
    expected = sample(denoise, x, sampler, schedule=schedule, noise=VideoNoise([(0,), (1,)]))
    found = followed(step_plan(schedule, sampler, prediction), x, network, bound=1.0)
    torch.testing.assert_close(found, expected)


def test_consistency():
    schedule = NoiseSchedule(DiffusionConfig(timesteps=200))
    sampler = SamplerConfig("consistency", 4).completed(200, few_steps=(4,))
    x = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0)).double()
    denoise = make_denoise(network, schedule, parameterization="v", clamp=False)
    expected = sample(denoise, x, sampler, schedule=schedule, noise=VideoNoise([(0,), (1,)]))
    torch.testing.assert_close(followed(step_plan(schedule, sampler, "v"), x, network), expected)


def test_other_samplers_are_refused():
    sampler = replace(SamplerConfig("unipc", 4).completed(200), name="ddim")
    with pytest.raises(ArgumentError, match="the sampler is ddim; choose unipc or consistency"):
        step_plan(NoiseSchedule(DiffusionConfig(timesteps=200)), sampler, "v")
