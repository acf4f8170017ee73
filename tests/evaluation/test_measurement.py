"""Measurements: the same clips give the same number wherever they come from, and all checks come first."""

from __future__ import annotations

import json
import os
import shutil
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from forked import forked
from generation.small_models import small_generator
from PIL import Image
from tiny_detector import TinyNetwork, install

from pvdm.data.description import fingerprint
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import LoadedModel
from pvdm.evaluation.clips.protocol_clips import Sampling, reconstructions_of, source_of
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.measurement import evaluate
from pvdm.evaluation.metrics.coherence import coherence
from pvdm.evaluation.metrics.frechet import frechet_distance, kernel_distance
from pvdm.evaluation.metrics.naturalness import viideo
from pvdm.evaluation.metrics.nearest import read_pairs
from pvdm.evaluation.metrics.score import Score, Scores
from pvdm.evaluation.pairs_picture import pairs_picture
from pvdm.evaluation.protocol import Protocol
from pvdm.evaluation.result_table import table
from pvdm.evaluation.results import document, over_seeds, write_document
from pvdm.video import write_video

REAL, FAKE = 9, 6
FVD = Protocol(
    "ours/fvd",
    "fvd",
    "nowhere",
    frames=8,
    size=None,
    real_choice="first",
    real_start="first",
    num_real=REAL,
    num_fake=FAKE,
    detector="i3d-random",
)


@pytest.fixture(autouse=True)
def networks(monkeypatch) -> dict[str, TinyNetwork]:
    return install(monkeypatch)


@pytest.fixture(scope="session")
def model() -> LoadedModel:
    """Clips of 8 frames of 32x32 pixels."""
    return LoadedModel(small_generator(), "here", "0" * 64)


def clip(number: int, frames: int = 8, size: int = 32) -> torch.Tensor:
    """A clip (3, t, h, w) of blocks that move, by its number."""
    generator = np.random.default_rng(number)
    blocks = generator.integers(0, 256, (3, frames, 4, 4), dtype=np.uint8)
    return torch.from_numpy(blocks).repeat_interleave(size // 4, 2).repeat_interleave(size // 4, 3)


@pytest.fixture(scope="session")
def real(tmp_path_factory) -> Path:
    """Nine folders of frames."""
    root = tmp_path_factory.mktemp("real")
    for number in range(REAL):
        write_video(root / f"{number:02}", clip(number), fps=10)
    return root


@pytest.fixture(scope="session")
def samples(model) -> list[torch.Tensor]:
    """The model's first clips."""
    source = sampled(model, FVD)(0)
    return [clip.video for clip in source.read(range(FAKE), batch_size=4)]


@pytest.fixture(scope="session")
def fake(samples, tmp_path_factory) -> Path:
    """The same in folders of frames."""
    root = tmp_path_factory.mktemp("fake")
    for number, video in enumerate(samples):
        write_video(root / f"{number}", video, fps=10)
    return root


def sampled(model, protocol):
    return source_of(model, protocol, role="fake", sampling=Sampling(SamplerConfig(steps=1)))


def measured(real, fake, protocol, **options) -> dict:
    """Sides that are paths or sources; the result survives JSON."""
    sides = zip((real, fake), ("real", "fake"), strict=True)
    sources = [source_of(side, protocol, role=role) if isinstance(side, Path) else side for side, role in sides]
    result = evaluate(*sources, protocol, **options)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    return result


def values(result) -> dict[str, float]:
    return {name: metric["value"] for name, metric in result["metrics"].items()}


def refused(call) -> str:
    with pytest.raises(InputError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_fvd_and_kvd_are_those_of_the_features_of_all_clips(real, samples, model):
    network = TinyNetwork()
    wanted = network(torch.stack([clip(number) for number in range(REAL)])).double()
    found = network(torch.stack(samples)).double()
    result = measured(real, sampled(model, FVD), FVD)
    assert values(result)["fvd"] == pytest.approx(frechet_distance(found, wanted), rel=1e-9)
    assert values(result)["kvd"] == pytest.approx(kernel_distance(found, wanted), rel=1e-9)
    metric = result["metrics"]["fvd"]
    assert (metric["better"], metric["spread"], metric["by_seed"]) == ("lower", None, {"0": metric["value"]})
    assert result["protocol"] == "ours/fvd" and result["based_on"] is None and result["changed"] == {}
    assert result["counts"] == {
        "real": REAL,
        "fake": FAKE,
        "real_available": REAL,
        "dropped_short": 0,
        "fake_dropped_short": None,
    }
    assert result["settings"]["num_real"] == REAL and result["few"] is False and result["seconds"] > 0
    assert result["fake"]["model"]["sha256"] == "0" * 64 and len(result["real"]["files_sha256"]) == 64


def test_a_folder_a_data_set_and_a_live_model_give_the_same_number(real, samples, model, tmp_path):
    """Equal to the bit for the same clips; clips from mp4 files differ slightly."""
    for number, video in enumerate(samples):
        write_video(tmp_path / "folder" / f"{number}", video, fps=10)
        write_video(tmp_path / "sky" / "sky_train" / "video" / f"{number}", video, fps=10)
        write_video(tmp_path / "mp4" / f"{number}.mp4", video, fps=10)
    for protocol in (FVD, replace(FVD, size=24, resize="lanczos")):
        live = values(measured(real, sampled(model, protocol), protocol))
        assert values(measured(real, tmp_path / "folder", protocol)) == live
        data_set = measured(real, tmp_path / "sky", protocol)
        assert values(data_set) == live and data_set["fake"]["layout"] == "skytimelapse"
        lossy = values(measured(real, tmp_path / "mp4", protocol))
        assert 0 < abs(lossy["fvd"] - live["fvd"]) < 0.05 * live["fvd"]
    assert values(measured(tmp_path / "folder", tmp_path / "folder", replace(FVD, num_real=FAKE)))["fvd"] < 1e-9


def test_batches_do_not_matter(real, fake):
    found = [values(measured(real, fake, FVD, batch_size=size)) for size in (1, 4, 9)]
    assert found[0] == pytest.approx(found[1], rel=1e-6) and found[1] == pytest.approx(found[2], rel=1e-6)


def test_seeds_are_repetitions_with_a_spread(real, model):
    protocol = replace(FVD, num_real=5, num_fake=2, real_choice="random", seeds=(0, 1, 2))
    result = measured(real, sampled(model, protocol), protocol)
    metric = result["metrics"]["fvd"]
    single = [
        values(measured(real, sampled(model, one), one))["fvd"]
        for one in (replace(protocol, seeds=(seed,)) for seed in (0, 1, 2))
    ]
    assert list(metric["by_seed"].values()) == single and len(set(single)) == 3
    assert metric["value"] == pytest.approx(statistics.fmean(single))
    assert metric["spread"] == pytest.approx(statistics.stdev(single))


def test_a_seed_that_changes_no_clip_is_left_out(real, fake, model, networks):
    """Samples in files are the same for every seed, so ten inception scores would have a spread of zero."""
    score = replace(FVD, kind="is", detector="c3d-ucf101", num_real=None, num_fake=2, seeds=(3, 4, 5))
    metric = measured(None, fake, score)["metrics"]["is"]
    assert list(metric["by_seed"]) == ["3"] and metric["spread"] is None and networks["c3d-ucf101"].clips == 2
    assert list(measured(None, sampled(model, score), score)["metrics"]["is"]["by_seed"]) == ["3", "4", "5"]
    drawn = replace(FVD, num_real=5, real_choice="random", seeds=(0, 1))
    metric = measured(real, fake, drawn)["metrics"]["fvd"]
    assert list(metric["by_seed"]) == ["0", "1"] and metric["spread"] > 0


def test_real_clips_of_another_part_make_it_custom(real, fake, tmp_path):
    """However the clips were opened, a result never has the name of a protocol that it does not follow."""
    for part in ("train", "test"):
        for folder in real.iterdir():
            shutil.copytree(folder, tmp_path / "parts" / part / folder.name)
    opened = {part: source_of(tmp_path / "parts", FVD, role="real", part=part) for part in ("train", "test")}
    theirs = source_of(fake, FVD, role="fake")
    assert evaluate(opened["train"], theirs, FVD)["protocol"] == "ours/fvd"
    result = evaluate(opened["test"], theirs, FVD)
    assert (result["protocol"], result["based_on"], result["changed"]) == ("custom", "ours/fvd", {"part": "test"})
    free = replace(FVD, free=("part",))
    assert evaluate(opened["test"], theirs, free)["protocol"] == "ours/fvd"


def test_a_change_makes_it_custom(real, fake):
    protocol = FVD.with_changes(num_real=4, size=16)
    result = measured(real, fake, protocol)
    assert (result["protocol"], result["based_on"]) == ("custom", "ours/fvd")
    assert {"num_real": 4, "size": 16}.items() <= result["changed"].items()
    shown = table([result])
    assert "ours/fvd (changed: num_real, size)  FVD ↓" in shown and "custom" not in shown
    assert "ours/fvd was changed: num_real 4, size 16" in shown


def test_fewer_clips_are_refused_or_marked(real, fake, networks):
    protocol = replace(FVD, num_real=30, num_fake=20)
    message = refused(lambda: measured(real, real, protocol))
    assert message == (
        "ours/fvd needs 30 real clips and there are 9 and ours/fvd needs 20 generated clips and there are 9; "
        "give more, or change the numbers (--num-real, --num-fake: the result is then custom), or pass --allow-few, "
        "which marks the result"
    )
    assert networks["i3d-random"].clips == 0  # before any work
    result = measured(real, real, protocol, allow_few=True)
    assert result["few"] is True and result["protocol"] == "ours/fvd" and result["counts"]["real"] == REAL
    assert "few clips" in table([result])
    assert measured(real, fake, FVD, allow_few=True)["few"] is False  # there are enough
    assert measured(real, fake, replace(FVD, num_real=30, min_real=9))["few"] is False
    uncounted = replace(FVD, num_real=None, num_fake=None)
    assert measured(real, real, uncounted)["counts"]["fake"] == REAL


def test_clips_of_which_there_can_be_no_number(real, networks):
    score = replace(FVD, kind="is", detector="c3d-ucf101", splits=10, num_fake=9)
    message = "ours/fvd cannot be computed from 9 clip(s); give at least 10"
    assert refused(lambda: measured(None, real, score)) == message
    message = refused(lambda: measured(real, real, replace(FVD, num_real=1)))
    assert message == "ours/fvd cannot be computed from 1 clip(s); give at least 2"
    assert not any(network.clips for network in networks.values())


def test_short_videos_are_counted(real, tmp_path, make_frame_folder):
    for number in range(4):
        write_video(tmp_path / "videos" / f"{number}", clip(number, frames=8 if number else 5), fps=10)
    protocol = replace(FVD, num_real=4, num_fake=3)
    message = refused(lambda: measured(tmp_path / "videos", tmp_path / "videos", protocol))
    assert "ours/fvd needs 4 real clips and there are 3 (1 more are too short)" in message
    result = measured(tmp_path / "videos", tmp_path / "videos", replace(protocol, num_real=3))
    assert result["counts"]["dropped_short"] == result["counts"]["fake_dropped_short"] == 1


def test_as_many_generated_clips_as_real_ones_where_no_number_is_fixed(real, tmp_path, samples):
    for number, video in enumerate(samples[:4]):
        write_video(tmp_path / "few" / f"{number}", video, fps=10)
    protocol = replace(FVD, num_real=None, num_fake=None)
    assert measured(tmp_path / "few", real, protocol)["counts"]["fake"] == 4
    assert "needs 9 generated clips and there are 4" in refused(lambda: measured(real, tmp_path / "few", protocol))


def test_features_of_real_clips_are_computed_once(real, fake, networks, cache_folder):
    network = networks["i3d-random"]
    first = measured(real, fake, FVD)
    assert network.clips == REAL + FAKE and any((cache_folder / "features").iterdir())
    assert values(measured(real, fake, FVD)) == values(first)
    assert network.clips == REAL + 2 * FAKE
    measured(real, fake, replace(FVD, num_real=8))
    assert network.clips == REAL + 3 * FAKE + 9  # other clips, and the one that is left for the floor
    (frame,) = (real / "00").glob("*0.png")
    frame.touch()
    measured(real, fake, FVD)
    assert network.clips == 2 * REAL + 4 * FAKE + 9


def test_inception_score(samples, fake):
    protocol = replace(FVD, kind="is", detector="c3d-ucf101", splits=2, num_real=None)
    p = TinyNetwork(of_classes=True)(torch.stack(samples)).double()
    order = np.arange(FAKE)
    np.random.RandomState(42).shuffle(order)  # as the published code draws its splits
    p = p[order]
    halves = [(half * (half.log() - half.mean(0).log())).sum(1).mean().exp().item() for half in p.split(FAKE // 2)]
    result = measured(None, fake, protocol)
    assert values(result)["is"] == pytest.approx(np.mean(halves), rel=1e-6)
    assert result["metrics"]["is"]["spread_over_splits"] == pytest.approx(np.std(halves), rel=1e-5)
    assert result["metrics"]["is"]["better"] == "higher" and result["real"] is None
    assert result["counts"]["real"] is None


def test_coherence_beside_real_clips(real, samples, fake):
    protocol = replace(FVD, kind="coherence", detector=None, num_real=2, num_fake=2)
    metrics = measured(real, fake, protocol)["metrics"]
    for name, metric in metrics.items():
        assert metric["value"] == pytest.approx(np.mean([coherence(video)[name] for video in samples[:2]]), rel=1e-3)
        assert metric["real"] == pytest.approx(np.mean([coherence(clip(number))[name] for number in range(2)]))
    assert list(metrics) == ["warping_error", "second_differences", "motion", "occlusion"]
    assert "real" not in measured(None, fake, protocol)["metrics"]["motion"]


def test_naturalness(real, samples, fake):
    protocol = replace(FVD, kind="naturalness", detector=None, num_real=1, num_fake=1)
    metric = measured(real, fake, protocol)["metrics"]["viideo"]
    assert metric["value"] == pytest.approx(viideo(samples[0]))
    assert metric["real"] == pytest.approx(viideo(clip(0)))


RECONSTRUCTION = replace(FVD, kind="reconstruction", real_choice="all", num_real=None, num_fake=None)


def test_reconstruction(real, model):
    protocol = RECONSTRUCTION
    wanted = torch.stack([clip(number) for number in range(REAL)])
    found = model.generator.reconstruct(wanted)
    result = measured(real, reconstructions_of(model, source_of(real, protocol, role="real")), protocol)
    errors = ((found.double() - wanted) / 255).square()
    decibels = -10 * errors.flatten(1).mean(1).log10()
    per_frame = -10 * errors.transpose(1, 2).flatten(2).mean(2).log10()
    assert values(result)["psnr"] == pytest.approx(decibels.mean().item(), rel=1e-3)
    assert result["details"]["0"]["psnr_per_frame"] == pytest.approx(per_frame.mean(0).tolist(), rel=1e-3)
    rows = TinyNetwork()(found).double(), TinyNetwork()(wanted).double()
    assert values(result)["rfvd"] == pytest.approx(frechet_distance(*rows), rel=1e-2)
    assert values(result)["lpips"] is None and "give --lpips-weights" in result["metrics"]["lpips"]["missing"]
    assert values(result)["st_rred"] is None and "--st-rred" in result["metrics"]["st_rred"]["missing"]
    assert result["counts"]["fake"] == REAL and result["fake"]["kind"] == "reconstructions"


def test_lpips_with_weights(real, model, monkeypatch):
    class Distance:
        def __init__(self, weights):
            assert weights == "vgg.pth"
            self.record = {"file": weights, "sha256": "1" * 64, "url": None}

        def per_frame(self, found, wanted):
            return (found - wanted).abs().flatten(1).mean(1)

    monkeypatch.setattr("pvdm.evaluation.measurement.PerceptualDistance", Distance)
    source = source_of(real, RECONSTRUCTION, role="real")
    result = measured(source, reconstructions_of(model, source), RECONSTRUCTION, lpips_weights="vgg.pth")
    assert result["lpips"]["sha256"] == "1" * 64
    metric = result["metrics"]
    wanted = torch.stack([clip(number) for number in range(REAL)])
    expected = (model.generator.reconstruct(wanted).double() - wanted).abs().mean().item() / 127.5
    assert metric["lpips"]["value"] == pytest.approx(expected, rel=1e-3)
    assert metric["lpips"]["better"] == "lower" and "missing" not in metric["lpips"]


def test_lpips_that_cannot_be_fetched_stops_nothing(real, model, monkeypatch):
    """If the protocol has downloads; weights that are given must load."""

    def absent(weights):
        raise InputError("VGG is needed and cannot be fetched", "place it somewhere")

    monkeypatch.setattr("pvdm.evaluation.measurement.PerceptualDistance", absent)
    protocol = replace(RECONSTRUCTION, detector="i3d-400")
    source = source_of(real, protocol, role="real")
    fake = reconstructions_of(model, source)
    metric = measured(source, fake, protocol)["metrics"]["lpips"]
    assert metric["missing"] == "VGG is needed and cannot be fetched; give --lpips-weights"
    assert "VGG is needed" in refused(lambda: measured(source, fake, protocol, lpips_weights="vgg.pth"))


def test_reconstructions_in_files(real, model, tmp_path):
    source = reconstructions_of(model, source_of(real, RECONSTRUCTION, role="real"))
    for found in source(0).read(range(REAL), batch_size=4):
        write_video(tmp_path / "files" / found.name, found.video, fps=10)
    stored = measured(real, tmp_path / "files", RECONSTRUCTION)
    assert values(stored) == values(measured(real, source, RECONSTRUCTION))
    (tmp_path / "files" / "03").rename(tmp_path / "files" / "03b")
    message = refused(lambda: measured(real, tmp_path / "files", RECONSTRUCTION))
    assert message.startswith("clip 3 is 03 of the real videos and 03b of the fake ones; name reconstructions like")


def test_r_fvd_by_any_protocol_takes_as_many_as_there_are(real, model):
    protocol = replace(FVD, num_fake=2048)
    result = measured(real, reconstructions_of(model, source_of(real, protocol, role="real")), protocol)
    assert result["counts"]["fake"] == REAL and result["few"] is False


def test_the_nearest_training_clips(real, tmp_path):
    """Two of the samples are training clips."""
    for name, number in (("0", 100), ("1", 4), ("2", 101), ("3", 7)):
        write_video(tmp_path / "clips" / name, clip(number), fps=10)
    for number in range(200, 209):
        write_video(tmp_path / "held" / f"{number}", clip(number), fps=10)
    protocol = replace(FVD, kind="nearest", real_choice="all", num_real=None, num_fake=4)
    held = source_of(VideoSet.find(tmp_path / "held"), protocol, role="real")
    result = measured(real, tmp_path / "clips", protocol, held_out=held)
    listed = result["details"]["0"]["pairs"]
    assert [(pair["sample"], pair["training"]) for pair in listed[:2]] == [("1", "04"), ("3", "07")]
    assert [pair["distance"] for pair in listed[:2]] == [0, 0] and listed[2]["distance"] > 0.1 and len(listed) == 4
    metric = result["metrics"]["copied_share"]
    assert metric["value"] in (0.5, 0.75) and metric["real"] == pytest.approx(0.1)
    assert "9 held-out clips give a threshold that calls 10.0% of new real clips copies" in metric["note"]
    assert values(result)["nearer_than_held_out"] >= 0.5
    sources = (
        source_of(folder, protocol, role=role)(0) for folder, role in ((real, "real"), (tmp_path / "clips", "fake"))
    )
    first, *_ = shown = read_pairs(*sources, listed)
    assert torch.equal(first.sample, clip(4)) and torch.equal(first.training, clip(4)) and first.training_name == "04"
    assert isinstance(pairs_picture(shown), Image.Image)


def test_without_held_out_clips_there_is_no_copied_share(real, fake, tmp_path):
    protocol = replace(FVD, kind="nearest", real_choice="all", num_real=None)
    alone = measured(real, fake, protocol)
    assert "nearer_than_held_out" not in alone["metrics"]
    for number in range(300, 308):
        write_video(tmp_path / f"{number}", clip(number), fps=10)
    few = measured(real, fake, protocol, held_out=source_of(VideoSet.find(tmp_path), protocol, role="real"))
    for result, count in ((alone, 0), (few, 8)):
        metric = result["metrics"]["copied_share"]
        assert metric["value"] is None and "real" not in metric
        assert f"real clips outside the training data, but there are {count}; give data whose" in metric["missing"]
        assert f"no copied share: {metric['missing']}" in table([result])


def test_a_distance_stands_beside_that_of_real_clips_from_others(real, fake):
    """As many clips on either side as the score has, if the data set has enough; else all, divided in proportion."""
    rows = TinyNetwork()(torch.stack([clip(number) for number in range(REAL)])).double().numpy()
    enough = measured(real, fake, replace(FVD, num_real=4, num_fake=5))["metrics"]["fvd"]
    assert enough["floor"] == pytest.approx(frechet_distance(rows[4:], rows[:4])) and enough["floor_clips"] == [4, 5]
    for num_real in (6, 9):
        result = measured(real, fake, replace(FVD, num_real=num_real, num_fake=6))
        first = round(REAL * num_real / (num_real + 6))
        assert result["metrics"]["kvd"]["floor_clips"] == [first, REAL - first]
        assert f"({first} / {REAL - first})" in table([result])
    rfvd = measured(real, real, RECONSTRUCTION)["metrics"]["rfvd"]
    assert rfvd["floor_clips"] == [4, 5] and rfvd["value"] < 1e-9 < rfvd["floor"]


def test_three_real_clips_make_no_floor(real, fake, tmp_path):
    for number in range(3):
        write_video(tmp_path / f"{number}", clip(number), fps=10)
    result = measured(tmp_path, fake, replace(FVD, num_real=3))
    assert "floor" not in result["metrics"]["fvd"] and "floor" not in table([result])


def test_flexible_counts_use_fewer_clips_and_mark_the_result(real, fake, model):
    protocol = replace(FVD, kind="coherence", detector=None, num_real=20, num_fake=20, fits=("num_real", "num_fake"))
    result = measured(real, fake, protocol)
    assert (result["counts"]["real"], result["counts"]["fake"], result["few"]) == (REAL, FAKE, True)
    assert result["protocol"] == "ours/fvd"
    wanted = (
        "ours/fvd was measured with few clips: 9 of 20 real clips and 6 of 20 generated clips; its values are rough"
    )
    assert wanted in table([result])
    source = source_of(model, protocol, role="fake", num=REAL)
    assert len(source(0)) == REAL  # a model is sampled as often as there are real clips
    asked = protocol.with_changes(num_fake=20)
    assert len(source_of(model, asked, role="fake", num=REAL)(0)) == 20
    assert "needs 20 generated clips and there are 6" in refused(lambda: measured(real, fake, asked))


def test_a_model_that_was_trained_on_other_data_is_reported(real, model, tmp_path, caplog):
    shutil.copytree(real, tmp_path / "moved")
    for number in range(4):
        write_video(tmp_path / "other" / f"{number:02}", clip(100 + number), fps=10)
    generator = small_generator()
    generator.data = {
        "layout": "folder",
        "card": {"name": "blocks"},
        "videos": {"training": 8, "validation": 1},
        "files": fingerprint(real.iterdir()),
    }
    trained = LoadedModel(generator, "here", "0" * 64)
    same = measured(tmp_path / "moved", sampled(trained, FVD), FVD)
    assert same["other_data"] is None and "trained on" not in caplog.text
    few = replace(FVD, num_real=4, num_fake=2)
    result = measured(tmp_path / "other", sampled(trained, few), few)
    wanted = f"the model was trained on blocks (folder, 9 videos), and {tmp_path / 'other'} is other data: "
    assert result["other_data"] == wanted + "none of its videos are among them"
    assert "other data" in table([result]) and result["other_data"] in table([result]) and wanted in caplog.text


@pytest.mark.parametrize("kind", ["fvd", "reconstruction", "nearest"])
def test_real_clips_are_needed(real, kind):
    message = refused(lambda: measured(None, real, replace(FVD, kind=kind)))
    assert message == "ours/fvd compares with real clips; give them as --real"


def test_a_wrong_detector_file_is_refused_before_any_work(real, model, networks, tmp_path):
    message = refused(lambda: measured(real, real, replace(FVD, num_fake=9), detector_path=tmp_path / "notes.txt"))
    assert "notes.txt does not hold i3d-random" in message and networks["i3d-random"].clips == 0


def test_sizes_that_differ_between_the_sides(real, tmp_path):
    for number in range(FAKE):
        write_video(tmp_path / f"{number}", clip(number, size=16), fps=10)
    measured(real, tmp_path, replace(FVD, size=32))
    measured(real, tmp_path, FVD)  # the detector scales clips of any size


def test_progress_is_reported(real, fake):
    told = []
    protocol = replace(FVD, num_real=5, real_start="random", seeds=(0, 1))
    measured(real, fake, protocol, progress=lambda *words: told.append(words), batch_size=4)
    assert told[:2] == [("ours/fvd: real clips, seed 0", 4, 5), ("ours/fvd: real clips, seed 0", 5, 5)]
    assert told[-1] == ("ours/fvd: generated clips, seed 1", 6, 6)


@pytest.mark.parametrize(
    "protocol",
    [
        replace(FVD, num_real=5, num_fake=3),
        replace(FVD, kind="coherence", detector=None, num_real=3, num_fake=1),
        RECONSTRUCTION,
        replace(RECONSTRUCTION, name="ours/one", num_real=2, real_choice="first"),
    ],
    ids=lambda protocol: protocol.name,
)
def test_two_processes_give_the_result_of_one(real, model, protocol):
    """To the bit, each clip once, even if they do not divide into equal batches."""

    def measure(group) -> tuple[dict, int]:
        networks = install(pytest.MonkeyPatch())
        wanted = source_of(real, protocol, role="real")
        is_paired = protocol.kind == "reconstruction"
        fake = reconstructions_of(model, wanted) if is_paired else sampled(model, protocol)
        os.environ["PVDM_CACHE"] = str(real.parent / f"none-{group.size}")
        result = evaluate(wanted, fake, protocol, batch_size=2, processes=group)
        return result["metrics"], networks["i3d-random"].clips

    [(alone, clips)] = forked(measure, size=1)
    (first, share), (second, rest) = forked(measure)
    assert first == second == alone and share + rest == clips


def test_figures_over_seeds():
    outcomes = {seed: Scores({"a": Score(value, "lower", real=2.0)}) for seed, value in enumerate((1.0, 2.0, 6.0))}
    (metric,) = over_seeds(outcomes).values()
    assert (metric["value"], metric["real"]) == (3, 2) and metric["spread"] == pytest.approx(7**0.5)
    absent = over_seeds({0: Scores({"a": Score(None, "lower", missing="no weights")})})["a"]
    assert (absent["value"], absent["missing"]) == (None, "no weights")
    endless = over_seeds({0: Scores({"a": Score(float("inf"), "lower")})})["a"]
    assert endless["value"] is None and endless["missing"].startswith("the value is not finite")


def test_the_document_is_whole_or_absent(tmp_path):
    content = document([], device="cpu")
    assert content["format"] == "pvdm-evaluation" and {"python", "torch", "pvdm"} < content["versions"].keys()
    assert content["hardware"]["device"] == "cpu" and content["hardware"]["memory_bytes"] > 1 << 28
    write_document(tmp_path / "a" / "r.json", content)
    assert json.loads((tmp_path / "a" / "r.json").read_text()) == content
    assert "r.json exists already; pass --overwrite" in refused(lambda: write_document(tmp_path / "a" / "r.json", {}))
    with pytest.raises(ValueError, match="JSON"):
        write_document(tmp_path / "b" / "r.json", {"value": float("nan")})
    assert not (tmp_path / "b").exists()
