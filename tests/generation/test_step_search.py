"""The search of timesteps: it lowers the error, and what it finds is stored with the model and taken by sampling."""

from __future__ import annotations

import json

import pytest
import torch
from small_models import small_generator

from pvdm.cli import main
from pvdm.diffusion import DiffusionConfig, NoiseSchedule, SamplerConfig, time_grid
from pvdm.errors import ArgumentError, InputError
from pvdm.generation import VideoGenerator
from pvdm.generation.acceleration.step_search import search_times


def test_the_times_found_have_the_least_error_of_all_that_were_tried():
    torch.manual_seed(0)
    model = small_generator()
    found = search_times(model, 3, clips=2)
    assert found.error <= found.usual and found.times[0] == model.diffusion.timesteps - 1
    assert list(found.times) == sorted(set(found.times), reverse=True) and len(found.times) == 3
    assert search_times(model, 3, clips=2) == found


def test_an_exported_model_takes_the_times_that_were_searched(tmp_path):
    torch.manual_seed(0)
    small_generator().save_pretrained(tmp_path / "model")
    assert main(["export", str(tmp_path / "model"), "--output", str(tmp_path / "new"), "--search-steps", "2"]) == 0
    (times,) = json.loads((tmp_path / "new" / "config.json").read_text())["diffusion"]["searched_times"]
    model = VideoGenerator.load(tmp_path / "new")
    assert model.completed(SamplerConfig(steps=2)).grid == tuple(times)
    assert model.completed(SamplerConfig(steps=3)).grid == "cubic"
    assert model.completed(SamplerConfig("ddim", 2)).grid == "uniform"
    assert torch.equal(model.sample(1, steps=2), model.sample(1, sampler=SamplerConfig(grid=tuple(times))))


def test_a_grid_may_be_the_timesteps_themselves():
    assert time_grid(NoiseSchedule(DiffusionConfig()), 2, grid=(999, 40)) == [999, 40, -1]
    with pytest.raises(ArgumentError, match="give 3 of 0 to 999"):
        time_grid(NoiseSchedule(DiffusionConfig()), 3, grid=(999, 40))
    with pytest.raises(ArgumentError, match="there are 2 timesteps for 3 steps"):
        SamplerConfig(steps=3, grid=(999, 40))
    for times in [(), (5, 5), (3, 7), (4, -1)]:
        with pytest.raises(ArgumentError, match="each smaller than the one before"):
            SamplerConfig(grid=times)


def test_an_autoencoder_has_no_steps_to_search(tmp_path, caplog):
    model = small_generator()
    VideoGenerator(model.autoencoder.config).save_pretrained(tmp_path / "first")
    assert main(["export", str(tmp_path / "first"), "--output", str(tmp_path / "new"), "--search-steps", "2"]) == 2
    assert "--search-steps is for a model that samples" in caplog.text


def test_searched_times_beyond_the_last_are_refused():
    with pytest.raises(ArgumentError, match=r"searched_times has \[1000, 3\]; they must be below 1000"):
        DiffusionConfig(searched_times=((999, 4), (1000, 3)))


def test_a_damaged_number_of_steps_is_refused(tmp_path):
    small_generator().save_pretrained(tmp_path / "model")
    file = tmp_path / "model" / "config.json"
    stored = json.loads(file.read_text())
    for part, name, value in [("denoiser", "few_steps", [0]), ("diffusion", "searched_times", [["a"]])]:
        file.write_text(json.dumps({**stored, part: {**stored[part], name: value}}))
        with pytest.raises(InputError, match=f"{part}.{name} is"):
            VideoGenerator.load(tmp_path / "model")
