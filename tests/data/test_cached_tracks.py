"""Cameras and sound of cached clips: those of the videos' own samples, also mirrored."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from training.cached import data, encoded, make_videos
from training.miniature import AUTOENCODER
from video.sounds import tone, write_wav

from pvdm.data.latents.latent_folder import open_latents
from pvdm.data.latents.shards import ShardReader
from pvdm.data.tracks.camera_path import CAMERA_WIDTH
from pvdm.data.tracks.sound_features import sound_width
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator

TRACKS = {"cameras": True, "sound": "mel"}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Videos of which some have a camera, some sound, and some neither."""
    root = make_videos(tmp_path_factory.mktemp("tracks") / "videos")
    for place, name in enumerate(("train/b/0", "train/a/1", "val/a/4")):
        angles = np.arange(40.0) * (place + 1) + np.arange(40.0) ** 2
        (root / f"{name}.camera.csv").write_text("azimuth\n" + "\n".join(map(str, angles)))
    for place, name in enumerate(("train/a/1", "train/a/3", "val/a/4")):
        write_wav(root / f"{name}.wav", tone(4, begins=0.1 * (place + 1)))
    return root


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory) -> Path:
    return encoded(data(root), VideoGenerator(AUTOENCODER), tmp_path_factory.mktemp("tracks") / "latents", **TRACKS)


@pytest.mark.parametrize("split", ["training", "validation"])
@pytest.mark.parametrize("asked", [TRACKS, {"cameras": True}, {"sound": "mel"}, {}])
def test_latents_have_the_tracks_of_their_videos(root, folder, split, asked):
    samples = getattr(data(root, **asked), split)
    found = getattr(data(folder, layout="latents", **asked), split)
    names = {part for name in samples.tracks.names for part in (name, f"has_{name}")}
    given = {name: [] for name in names}
    for index in range(len(samples)):
        sample, other = samples[index], found[index]
        assert {*other} - {"latent"} == {*sample} - {"video"}
        for name in names:
            torch.testing.assert_close(torch.as_tensor(other[name]), torch.as_tensor(sample[name]), rtol=0, atol=0)
            given[name].append(bool(torch.as_tensor(other[name]).any()))
    assert all(len(set(values)) == 2 for name, values in given.items() if name.startswith("has_"))


def test_the_videos_are_not_needed_afterwards(root, folder, tmp_path):
    before = [data(folder, layout="latents", **TRACKS).training[index]["camera"] for index in range(3)]
    moved = shutil.copytree(folder, tmp_path / "moved")
    renamed = root.rename(root.with_name("elsewhere"))
    try:
        after = data(moved, layout="latents", **TRACKS)
        assert all(torch.equal(after.training[index]["camera"], camera) for index, camera in enumerate(before))
    finally:
        renamed.rename(root)


def test_what_was_not_encoded_is_refused(root, folder, tmp_path):
    plain = encoded(data(root), VideoGenerator(AUTOENCODER), tmp_path / "plain")
    with pytest.raises(InputError, match=r"have no cameras; encode the videos again with data.cameras true, or leave"):
        data(plain, layout="latents", cameras=True)
    with pytest.raises(InputError, match=r"have no sound; encode the videos again with data.sound mel, or leave"):
        data(plain, layout="latents", sound="mel")
    with pytest.raises(InputError, match=r"have sound by mel; encode the videos again with data.sound other, or leave"):
        data(folder, layout="latents", sound="other")
    plans = [open_latents(path) for path in (plain, folder)]
    assert plans[0].differences(plans[1])[:2] == [
        "data.cameras is True there and None here",
        "data.sound is mel there and None here",
    ]


def test_a_plan_knows_how_many_numbers_it_stores(folder):
    frames = AUTOENCODER.frames
    assert open_latents(folder).track_values == frames * (CAMERA_WIDTH + sound_width("mel"))


def test_damaged_tracks_are_named(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "latents-000000.safetensors"
    plan, tensors = open_latents(folder), load_file(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    save_file({**tensors, "sound": tensors["sound"] * torch.nan}, path, metadata)
    with pytest.raises(InputError, match=r"damaged \(a vector of a frame is not finite\); run the pvdm encode"):
        ShardReader(copy, plan).tracks(0, ["sound"])
    save_file({name: value for name, value in tensors.items() if name != "sound"}, path, metadata)
    with pytest.raises(InputError, match="is damaged or incomplete; run the pvdm encode command"):
        ShardReader(copy, plan)(0)
