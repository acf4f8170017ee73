"""A 16-bit image series from the data set through a model and back to a file, without a step of 8 bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generation.small_models import hinted_generator, small_generator
from torch.utils.data import default_collate

from pvdm import VideoGenerator
from pvdm.cli import main
from pvdm.data import DataOptions
from pvdm.data.data_options import MixedSet
from pvdm.data.mixing.mixed_collection import collection_of
from pvdm.errors import InputError
from pvdm.training.batches.batch import clips
from pvdm.video import probe, read_video, save_video
from pvdm.video.series.stored_values import StoredValues

RANGE = (0, 4095)


@pytest.fixture
def series() -> np.ndarray:
    """9 frames of 32x32 in 12 bits, neighbors of which differ by less than a step of 8 bits (16)."""
    values = np.add.outer(np.arange(9) * 4, np.arange(32 * 32) * 4 % 4000).reshape(9, 32, 32)
    return values.astype(np.uint16)


@pytest.fixture
def folder(tmp_path, series):
    """A data set of two series, of which the second uses half of the range."""
    for name, values in (("a", series), ("b", series // 2), ("c", series)):
        (tmp_path / "data").mkdir(exist_ok=True)
        np.save(tmp_path / "data" / f"{name}.npy", values)
    return tmp_path / "data"


def options(folder, **more) -> DataOptions:
    return DataOptions(folder, frames=8, height=32, width=32, validation_fraction=0.34, **more)


def test_a_data_set_has_one_range_and_all_steps(folder, series):
    collection = collection_of(options(folder, value_range=RANGE))
    collection.setup()
    batch = default_collate([collection.training[index] for index in range(2)])
    floats = clips(batch)
    assert floats.dtype == torch.float32 and floats.abs().max() <= 1
    names = [path.rpartition("/")[2] for path in batch["path"]]
    for name, clip, start in zip(names, floats, batch["start"].tolist(), strict=True):
        wanted = (series // 2 if name == "b.npy" else series)[start : start + 8].astype(np.int64)
        found = ((clip + 1) / 2 * RANGE[1]).round().long()
        assert all(torch.equal(channel, torch.from_numpy(wanted)) for channel in found)
    stored = {"dtype": "uint16", "low": 0.0, "high": 4095.0, "grey": True}
    assert collection.describe()["values"] == stored


def test_without_a_range_it_is_that_of_all_files(folder, series, caplog):
    collection = collection_of(options(folder))
    with caplog.at_level("INFO"):
        collection.setup()
    assert {video.info.values[1:3] for video in collection.find()[1].videos} == {(0, float(series.max()))}
    assert "the lowest and highest of all files" in caplog.text


def test_a_range_needs_a_series(make_video, tmp_path):
    make_video("videos/a.mp4")
    make_video("videos/b.mp4")
    with pytest.raises(InputError, match="there is no image series"):
        collection_of(options(tmp_path / "videos", value_range=RANGE)).setup()


def test_series_and_videos_make_one_batch(folder, tmp_path, make_video):
    for name in ("a.mp4", "b.mp4"):
        make_video(f"videos/{name}", frames=9)
    mix = [MixedSet(path, validation_fraction=0.34) for path in (folder, tmp_path / "videos")]
    collection = collection_of(DataOptions(mix=mix, frames=8, height=32, width=32))
    collection.setup()
    batch = default_collate([collection.training[index] for index in range(len(collection.training))])
    assert batch["video"].dtype == torch.float32 and batch["video"].max() > 100


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".tif"])
def test_a_model_that_keeps_everything_keeps_every_value(folder, series, tmp_path, monkeypatch, suffix):
    """The autoencoder is replaced by one that returns its input; the model's range is that of its training."""
    values = StoredValues("uint16", *RANGE, grey=True)._asdict()
    generator = small_generator(denoiser=False)
    generator.data = {"values": values}
    generator.save_pretrained(tmp_path / "model")
    monkeypatch.setattr(type(generator.autoencoder), "forward", lambda self, video: video)
    output = tmp_path / f"out{suffix}"
    words = [str(tmp_path / "model"), str(folder / "a.npy"), "--output", str(output), "--device", "cpu"]
    assert main(["reconstruct", *words]) == 0
    assert probe(output).values[:1] == ("uint16",)
    found = read_video(output, value_range=RANGE)
    assert np.array_equal(StoredValues(**values).from_pixels(found.movedim(0, -1).numpy()), series)
    assert found.unique().numel() > 256


def test_repair_keeps_the_frames_that_are_there(folder, series, tmp_path):
    hinted_generator().save_pretrained(tmp_path / "model")
    words = [str(tmp_path / "model"), str(folder / "a.npy"), "--missing", "3-4", "--steps", "2", "--device", "cpu"]
    assert main(["repair", *words, "--output", str(tmp_path / "whole.npy")]) == 0
    found, there = np.load(tmp_path / "whole.npy"), [0, 1, 2, 5, 6, 7, 8]
    assert found.dtype == np.uint16 and found.shape == series.shape
    assert np.array_equal(found[there], series[there]) and len(np.unique(found[3:5])) > 256


def test_samples_are_not_rounded(tmp_path):
    small_generator().save_pretrained(tmp_path / "model")
    sample = ["sample", str(tmp_path / "model"), "--num-videos", "1", "--steps", "2", "--device", "cpu", "--output"]
    assert main([*sample, str(tmp_path / "one.npy")]) == 0 and main([*sample, str(tmp_path / "one")]) == 0
    deep = np.load(tmp_path / "one.npy")
    assert deep.shape == (8, 32, 32, 3) and deep.dtype == np.uint16
    generator = VideoGenerator.from_pretrained(tmp_path / "model")
    rounded = generator.sample(1, steps=2)[0]
    generator.float_pixels = True
    whole = generator.sample(1, steps=2)[0]
    assert torch.equal(whole.round().byte(), rounded)
    np.testing.assert_allclose(deep, whole.movedim(0, -1).numpy() * 257, atol=0.51)
    save_video(whole, tmp_path / "one.mp4", fps=5)  # rounds
    with pytest.raises(InputError, match="give uint8"):
        generator.reconstruct(torch.rand(1, 3, 8, 32, 32))
