"""The gap between training and validation: what is measured, that training is unaffected, and the advice on it."""

import shutil

import numpy as np
import pytest
from cached import data, encoded
from fuzzing import encode, moving
from miniature import arguments, autoencoder_training, diffusion_training, read, trainer
from pytorch_lightning.loggers import TensorBoardLogger
from runs import assert_same_training, scalars

from pvdm.cli import main
from pvdm.errors import InputError
from pvdm.training import AveragedWeights, GeneralizationGap, OptimizerConfig, VideoData
from pvdm.training.callbacks.generalization_gap import Measured, advice

SIZE = {"frames": 4, "height": 16, "width": 16, "workers": 0, "batch_size": 3}
RANDOM = {"horizontal_flip": True, "random_crop": True}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """The validation videos are copies of the training videos."""
    folder = tmp_path_factory.mktemp("gap") / "videos"
    for name, frames in (("a", 12), ("b", 9), ("c", 17)):
        encode(folder / "train" / f"{name}.mp4", moving(frames + 3, 16, 24)[-frames:])
    shutil.copytree(folder / "train", folder / "val")
    return folder


@pytest.fixture(params=["autoencoder", "diffusion"])
def stage(request, tmp_path):
    """A module, and the clips in its samples."""
    if request.param == "autoencoder":
        return autoencoder_training(), 1
    return diffusion_training(tmp_path / "first"), 2


def fit(module, data, folder, *, steps=4, every=2, samples=256, callbacks=()):
    """Trains with the callback -> the callback, and what was logged."""
    gap = GeneralizationGap(samples)
    options = {"max_steps": steps, "val_check_interval": every, "check_val_every_n_epoch": None}
    options["callbacks"] = [AveragedWeights(0.9), gap, *callbacks]
    trainer(folder, logger=TensorBoardLogger(folder, name="", version=""), **options).fit(module, datamodule=data)
    return gap, scalars(folder)


def test_copies_have_no_gap_as_they_are_measured_alike(videos, stage, tmp_path):
    """So number, times, weights and noise are those of validation, and there is no augmentation."""
    module, clips = stage
    gap, logged = fit(module, VideoData(videos, **SIZE, **RANDOM, clips=clips), tmp_path)
    assert [measured.updates for measured in gap.history] == [2, 4]
    assert logged["val/gap"] == [(2, pytest.approx(0, abs=1e-4)), (4, pytest.approx(0, abs=1e-4))]
    for _, training, validation in gap.history:
        assert training == pytest.approx(validation, rel=1e-5)
    name = module.figure
    assert [value for _, value in logged[name]] == [pytest.approx(m.validation, rel=1e-4) for m in gap.history]
    assert logged[f"{name}_training"] == [(m.updates, pytest.approx(m.training, rel=1e-5)) for m in gap.history]


def test_it_is_positive_where_training_clips_do_better(videos, stage, tmp_path):
    module, clips = stage
    shutil.copytree(videos, tmp_path / "other")
    for path in (tmp_path / "other" / "val").iterdir():
        path.unlink()
    encode(tmp_path / "other" / "val" / "noise.mp4", noise(0, frames=12))
    gap, logged = fit(module, VideoData(tmp_path / "other", **SIZE, clips=clips), tmp_path, steps=12, every=12)
    ((_, training, validation),) = gap.history
    assert (training > validation) == module.higher_is_better and logged["val/gap"][0][1] > 0


def test_at_most_so_many_clips_are_measured(videos, tmp_path):
    seen = []
    module = autoencoder_training()
    figures = module.figures
    module.figures = lambda batch: seen.extend(batch["path"]) or figures(batch)
    of_run = VideoData(videos, **SIZE)
    fit(module, of_run, tmp_path / "4", samples=4)
    assert len(seen) == 8 and seen[:4] == seen[4:] and all("/train/" in path for path in seen)
    assert {path[-5:] for path in seen} == {"a.mp4", "b.mp4", "c.mp4"}
    seen.clear()
    gap, logged = fit(module, of_run, tmp_path / "0", samples=0)
    assert not seen and not gap.history and "val/gap" not in logged
    with pytest.raises(InputError, match="samples is -1; give a value at least 0"):
        GeneralizationGap(-1)


def test_cached_latents_are_measured_too(videos, tmp_path):
    module = diffusion_training(tmp_path / "first")
    pixels = data(videos, layout="folder")
    latents = data(encoded(pixels, module.generator, tmp_path / "latents"), layout="latents")
    gap, logged = fit(module, latents, tmp_path / "run")
    assert len(gap.history) == 2 and logged["val/gap"] == [(step, pytest.approx(0, abs=1e-4)) for step in (2, 4)]


def run(folder, videos, **options):
    options = {"data__clips_per_video": 2, "averaging__decay": 0.9, "videos__every_n_updates": "null", **options}
    options |= {"trainer__val_check_interval": 2, "trainer__check_val_every_n_epoch": "null"}
    assert main([str(part) for part in arguments("fit", "autoencoder", folder, videos, **options)]) == 0


def test_training_is_the_same_with_and_without_it_and_a_resumed_run_keeps_its_history(videos, tmp_path):
    run(tmp_path / "with", videos, trainer__max_steps=6)
    run(tmp_path / "without", videos, trainer__max_steps=6, gap__samples=0)
    assert_same_training(read(tmp_path / "with"), read(tmp_path / "without"))
    for steps in (4, 6):
        run(tmp_path / "resumed", videos, trainer__max_steps=steps)
    assert_same_training(read(tmp_path / "resumed"), read(tmp_path / "with"))
    states = [read(tmp_path / name)["callbacks"]["GeneralizationGap"] for name in ("resumed", "with")]
    assert states[0] == states[1] and [updates for updates, *_ in states[0]["history"]] == [2, 4, 6]


def noise(seed: int, frames: int = 8) -> np.ndarray:
    """(t, 16, 16, 3) uint8: blocks of colors that no other video has."""
    blocks = np.random.default_rng(seed).integers(0, 256, (frames, 4, 4, 3), dtype=np.uint8)
    return blocks.repeat(4, axis=1).repeat(4, axis=2)


def advised(folder, make, *, learning_rate, **lengths) -> str | None:
    """What a short run is told; `make` makes the training videos 0, 1, ... and the validation videos 60, ..., 63."""
    for name, numbers in (("train", range(lengths["videos"])), ("val", range(60, 64))):
        for number in numbers:
            encode(folder / "videos" / name / f"{number}.mp4", make(number))
    module = autoencoder_training(optimizer=OptimizerConfig(learning_rate=learning_rate, warmup_steps=1))
    of_run = VideoData(folder / "videos", **{**SIZE, "batch_size": 8}, clips_per_video=4)
    gap, _ = fit(module, of_run, folder / "run", steps=lengths["steps"], every=10)
    return gap.advice(module)


def test_a_run_that_overfits_is_told_so(tmp_path):
    """Two clips of noise can be learned by heart alone."""
    told = advised(tmp_path, noise, learning_rate=1e-2, videos=2, steps=100)
    assert told.startswith("val/psnr has not improved for ")
    assert "updates while training has: more data, augmentation or an earlier stop" in told


def test_a_run_that_ends_too_early_is_told_so(tmp_path):
    told = advised(tmp_path, lambda number: moving(8 + number, 16, 16)[-8:], learning_rate=3e-3, videos=40, steps=60)
    assert told.startswith("val/psnr and training still improve at the end: train longer (raise --trainer.max_steps")


def curve(training, validation) -> list[Measured]:
    return [Measured(100 * (n + 1), *pair) for n, pair in enumerate(zip(training, validation, strict=True))]


TIMES = np.arange(10)
LEARNED = 1 - 0.5 ** (TIMES + 1)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("training", "validation", "wanted"),
    [
        (TIMES, -abs(TIMES - 3.0), "has not improved for 600 updates"),
        (TIMES, np.minimum(TIMES, 6), "has not improved for 300 updates"),
        (TIMES, 0.3 * TIMES, "still improve at the end"),
        (LEARNED, LEARNED, None),  # both have leveled off
        (LEARNED, LEARNED - 1e-3 * TIMES, None),  # since validation was best, training has hardly improved
        (TIMES, np.append(TIMES[:9], 7.5), None),  # one worse validation proves nothing
        (-TIMES, -TIMES, None),
        (TIMES * np.nan, TIMES, None),
        (TIMES[:2], TIMES[:2], None),
    ],
)
def test_advice(training, validation, wanted, sign):
    told = advice(curve(sign * training, sign * validation), name="val/x", sign=sign)
    assert told is None if wanted is None else wanted in told and told.startswith("val/x ")


def test_the_end_of_a_run_has_the_advice(videos, tmp_path, caplog):
    caplog.set_level("INFO")
    run(tmp_path / "run", videos, trainer__max_steps=8, model__optimizer__learning_rate=1e-2)
    assert "val/psnr and training still improve at the end" in caplog.text
