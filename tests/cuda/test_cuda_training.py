"""Training on a GPU in bfloat16: both stages, resumed, exported, read on a CPU; and compiled parts."""

from __future__ import annotations

import pytest
import torch
from generation.small_models import randomized, small_autoencoder, small_generator, small_unet
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.testing import assert_close
from training.miniature import arguments, read

from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.cli import main
from pvdm.diffusion import Condition, TriplaneUNet
from pvdm.generation import VideoGenerator
from pvdm.runtime import compilation
from pvdm.runtime.compilation import compile_regions
from pvdm.training.callbacks.averaging import RAW

pytestmark = pytest.mark.cuda


@pytest.fixture
def fit(make_video, tmp_path, device):
    """`fit("autoencoder", steps)` -> the run's folder, of three videos."""
    for name in ("train/0", "train/1", "val/0"):
        make_video(f"videos/{name}.mp4", frames=20, height=16, width=24)

    def fit(stage: str, steps: int, **more):
        run = tmp_path / stage
        options = {"trainer__accelerator": device.type, "trainer__precision": "bf16-mixed", "data__batch_size": 2}
        options |= {"trainer__max_steps": steps, "trainer__devices": 1, "data__workers": 1, **more}
        assert main(arguments("fit", stage, run, tmp_path / "videos", **options)) == 0
        return run

    return fit


def test_both_stages_train_resume_and_are_read_on_a_cpu(fit):
    first = fit("autoencoder", 4, model__lpips_weight=0)
    fit("autoencoder", 8, model__lpips_weight=0)
    second = fit("diffusion", 3, model__autoencoder=first / "checkpoints" / "last.ckpt")
    for run, name in ((first, "train/loss"), (second, "train/loss")):
        state = read(run)
        assert all(value.device.type == "cpu" for value in VideoGenerator.from_checkpoint(_last(run)).parameters())
        assert all(torch.isfinite(value).all() for part in ("state_dict", RAW) for value in _floats(state[part]))
        events = EventAccumulator(str(run))
        events.Reload()
        assert all(event.value < 10 for event in events.Scalars(name))
        assert events.Scalars("train/peak_memory_gib")[-1].value > 0
    generator = VideoGenerator.from_checkpoint(_last(second))
    assert generator.training_step == 3 and generator.sample(1).shape == (1, 3, 4, 16, 16)


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """What compiling warns of; not `caplog`, into which a compiler, too, writes its diary."""
    found = []
    monkeypatch.setattr(compilation.logger, "warning", lambda text, *values: found.append(text % values))
    return found


def test_compiled_networks_compute_the_same(device, told):
    generator = small_generator().to(device)
    unet = small_unet(small_autoencoder(), channel_multipliers=(1,), attention_factors=(1,))
    network = randomized(TriplaneUNet(unet)).to(device)
    video = torch.rand(2, 3, 8, 32, 32, device=device) * 2 - 1
    z, t = torch.randn(2, 4, network.shape.positions, device=device), torch.tensor([3, 150], device=device)

    def results():
        with torch.no_grad():
            return generator.autoencoder(video), network(z, t, Condition(z))

    wanted = results()
    compile_regions(generator.autoencoder, network)
    found = results()
    assert not told
    for one, other in zip(found, wanted, strict=True):
        assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_compiled_training_has_the_same_gradients(device, told):
    def gradients(network):
        video = torch.linspace(-1, 1, 3 * 8 * 32 * 32, device=device).view(1, 3, 8, 32, 32)
        network(video).square().mean().backward()
        return {name: value.grad for name, value in network.named_parameters() if value.grad is not None}

    wanted = gradients(randomized(ProjectedAutoencoder(small_autoencoder())).train().to(device))
    network = randomized(ProjectedAutoencoder(small_autoencoder())).train().to(device)
    compile_regions(network)
    found = gradients(network)
    assert found.keys() == wanted.keys() and not told
    for name, value in found.items():
        assert (value - wanted[name]).norm() <= 1e-2 * wanted[name].norm() + 1e-6, name


def _last(run):
    return run / "checkpoints" / "last.ckpt"


def _floats(values):
    return [value for value in values.values() if value.is_floating_point()]
