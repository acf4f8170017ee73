"""A benchmark's figures are those of `evaluate`, the same after any interruption and for any number of processes."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
import torch
from benchmark.small_benchmark import (
    SETTINGS,
    context_of,
    figures,
    make_ucf101,
    measured,
    quick,
    small_plan,
    with_tiny_detectors,
    without_curves,
)
from evaluation.forked import SILENT, forked
from generation.small_models import small_generator

from pvdm.benchmark.benchmark_tasks import merged, run_tasks, sampling_speed
from pvdm.benchmark.paper_tables import about
from pvdm.benchmark.plan import Setting
from pvdm.benchmark.shown_videos import videos_of_other
from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import LoadedModel, SampledClips
from pvdm.evaluation.clips.protocol_clips import Sampling, reconstructions_of, source_of
from pvdm.evaluation.measurement import evaluate
from pvdm.evaluation.protocols import PROTOCOLS
from pvdm.video import probe, read_frames, write_video

PATIENCE = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("benchmark")


@pytest.fixture(scope="module")
def model(folder):
    small_generator(frames=16).save_pretrained(folder / "model")
    return str(folder / "model")


@pytest.fixture
def root(folder, make_video):
    """Made once, however often it is asked for."""
    if not (folder / "data").exists():
        make_ucf101(folder / "data", make_video)
    return folder / "data"


@pytest.fixture(autouse=True)
def networks(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    monkeypatch.setattr("pvdm.benchmark.benchmark_tasks.sampling_speed", lambda *arguments, **options: {"seconds": 1.0})
    without_curves(monkeypatch)
    return with_tiny_detectors(monkeypatch)


@pytest.fixture
def sampled(monkeypatch):
    """The numbers of the videos that are sampled, batch by batch; `stop_before` raises at one of the batches."""
    batches, sample = [], SampledClips._sample

    def count(self, indices):
        if len(batches) == batches_until[0]:
            raise KeyboardInterrupt
        batches.append(list(indices))
        return sample(self, indices)

    batches_until = [None]
    monkeypatch.setattr(SampledClips, "_sample", count)
    return batches, batches_until


def figure(results, id, **wanted):
    [found] = [f for f in results["figures"] if f["id"] == id and all(f[key] == wanted[key] for key in wanted)]
    return found


def test_figures_are_those_of_evaluate(root, model, tmp_path, sampled):
    plan = small_plan(root, settings=SETTINGS, num_videos=3, batch_size=2, shown=2)
    results = measured(plan, model, tmp_path / "report")
    assert sampled[0][:4] == [[0, 1], [2], [0, 1], [2]], "each video once, whatever is measured"
    _check_against_evaluate(results, plan, model)
    _check_files(results, tmp_path / "report")


def test_an_interruption_changes_no_figure_and_nothing_is_done_twice(root, model, tmp_path, sampled):
    batches, stop = sampled
    plan = small_plan(root)
    whole = measured(plan, model, tmp_path / "whole")
    once = len(batches)
    stop[0] = once + 1
    with pytest.raises(KeyboardInterrupt):
        measured(plan, model, tmp_path / "stopped")
    stop[0] = None
    again = measured(plan, model, tmp_path / "stopped")
    assert figures(again) == figures(whole) and len(batches) == 2 * once
    assert measured(plan, model, tmp_path / "stopped") == again and len(batches) == 2 * once


def pictures(folder):
    """Frames of each video; products of other batches round differently, so files may differ in a few bytes."""
    return {path.name: torch.from_numpy(read_frames(path, range(probe(path).frames))) for path in folder.iterdir()}


def test_videos_that_are_gone_are_written_again_and_nothing_else_is_sampled(root, model, tmp_path, sampled):
    plan, report = small_plan(root), tmp_path / "report"
    whole = measured(plan, model, report)
    content = pictures(report / "videos")
    shutil.rmtree(report / "videos")
    shutil.rmtree(report / "nearest")
    sampled[0].clear()
    again = measured(plan, model, report)
    assert figures(again) == figures(whole)
    assert sampled[0][: -len(whole["nearest"])] == [[0]], "and the shown pairs"
    torch.testing.assert_close(pictures(report / "videos"), content, atol=8, rtol=0)  # of pictures that were encoded
    assert all((report / pair["picture"]).is_file() for pair in again["nearest"])


def _check_against_evaluate(results, plan, path):
    """Each of the few ways in which a figure comes about, of the second setting."""
    model, few = LoadedModel.load(path), {"allow_few": True, "batch_size": plan.batch_size}
    first, later = plan.settings[1].samplers()
    sampling = Sampling(first, later)
    for id, name, metric in (
        ("fvd16", "pvdm/fvd16", "fvd"),
        ("fvd128", "pvdm/fvd128", "fvd"),
        ("is", "stylegan-v/isv2048_ucf", "is"),
        ("warping_error", "coherence/16f", "warping_error"),
    ):
        protocol = PROTOCOLS[name] if id == "is" else PROTOCOLS[name].with_changes(size=32)
        protocol = protocol.with_changes(num_fake=plan.num_videos, splits=min(protocol.splits, plan.num_videos))
        real = source_of(plan.root, protocol, role="real")
        fake = source_of(model, protocol, role="fake", sampling=sampling)
        wanted = evaluate(None if id == "is" else real, fake, protocol, **few)["metrics"][metric]
        found = figure(results, id, sampler="dpmpp_2m")
        assert found["value"] == pytest.approx(wanted["value"], rel=1e-9), id
        assert found.get("floor", 0) == pytest.approx(wanted.get("floor", 0), rel=1e-9), id
        assert found.get("floor_clips") == wanted.get("floor_clips") == {"fvd16": [4, 2], "fvd128": [2, 2]}.get(id), id
        assert found["few"] and found["counts"]["fake"] == plan.num_videos and found["missing"] is None
    protocol = PROTOCOLS["pvdm/reconstruction"].with_changes(size=32)
    for part in ("train", "test"):
        real = source_of(plan.root, protocol, role="real", part=part)
        wanted = evaluate(real, reconstructions_of(model, real), protocol, **few)
        assert figure(results, "rfvd", part=part)["value"] == pytest.approx(
            wanted["metrics"]["rfvd"]["value"], rel=1e-9
        )
        assert figure(results, "rfvd", part=part).get("floor") == wanted["metrics"]["rfvd"].get("floor")
        assert figure(results, "psnr", part=part)["value"] == wanted["metrics"]["psnr"]["value"]
        assert results["curves"]["psnr_per_frame"][part] == wanted["details"]["0"]["psnr_per_frame"]
    _check_copies(results, plan, model)


def _check_copies(results, plan, model):
    """Of the first setting; the clips of the test part are too few to tell copies by."""
    protocol = PROTOCOLS["nearest/16f"].with_changes(size=32, num_fake=plan.num_videos)
    real, held_out = (source_of(plan.root, protocol, role="real", part=part) for part in ("train", "test"))
    fake = source_of(model, protocol, role="fake", sampling=Sampling(*plan.settings[0].samplers()))
    few = {"allow_few": True, "batch_size": plan.batch_size}
    wanted = evaluate(real, fake, protocol, held_out=held_out, **few)["metrics"]
    found = figure(results, "diversity")
    assert (found["value"], found["real"]) == (wanted["diversity"]["value"], 1)
    found = figure(results, "copied_share")
    assert found["value"] is None and found["missing"] == wanted["copied_share"]["missing"]
    assert "there are 3; give data whose test part has as many" in found["missing"]


def _check_files(results, report):
    for video in results["videos"]:
        info = probe(report / video["file"])
        assert (info.frames, info.height, info.width) == (video["frames"], 32, 32)
    kinds = {kind: [v for v in results["videos"] if v["kind"] == kind] for kind in ("real", "generated", "extended")}
    assert {kind: len(videos) for kind, videos in kinds.items()} == {"real": 4, "generated": 4, "extended": 4}
    assert len({video["label"] for video in kinds["real"] if video["frames"] == 16}) == 2, "spread over the classes"
    assert [(report / pair["picture"]).is_file() for pair in results["nearest"]] == [True] * 3
    for drift in results["curves"]["drift"]:
        assert drift["start_frames"] == list(range(0, 128, 16))
        assert {len(drift[name]) for name in ("sharpness", "warping_error", "second_differences")} == {8}
        assert drift["real"]["start_frames"] == drift["start_frames"]
    json.dumps(results, allow_nan=False)


def test_two_processes_equal_one_also_after_a_kill(root, model, tmp_path):
    plan = small_plan(root)

    def killed(group):
        context = context_of(plan, model, tmp_path / "two", group)
        store, stored = context.store.store_arrays, []

        def store_or_die(*arguments):
            if len(stored) == 5 and group.rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            stored.append(store(*arguments))

        context.store.store_arrays = store_or_die
        return run_tasks(context, about={})

    [first, second] = forked(killed, patience=PATIENCE)
    assert second == SILENT and "another process of this run has ended" in first
    [one] = forked(lambda group: measured(plan, model, tmp_path / "one", group), size=1, patience=PATIENCE)
    two = forked(lambda group: measured(plan, model, tmp_path / "two", group), patience=PATIENCE)
    assert figures(two[0]) == figures(one)
    assert figures(json.loads((tmp_path / "two" / "results.json").read_text())) == {
        "format": "pvdm-benchmark",
        **figures(one),
    }


def test_what_cannot_be_had_is_missing_and_comes_later(root, model, tmp_path, monkeypatch):
    from pvdm.benchmark import context as module

    load = module.load_detector

    def absent(name, path=None, **options):
        if name != "i3d-random" and path is None:
            raise InputError(f"{name} is needed and has no address", "give its path as {detector_path}")
        return load(name, **options)

    monkeypatch.setattr(module, "load_detector", absent)
    plan = small_plan(root)
    results = measured(plan, model, tmp_path / "report")
    for id in ("fvd16", "fvd128", "is"):
        option = "--c3d" if id == "is" else "--i3d"
        assert figure(results, id)["value"] is None
        assert figure(results, id)["missing"].endswith(f"give its path as {option}")
    assert figure(results, "rfvd", part="test")["missing"] and figure(results, "psnr", part="test")["value"]
    for id in ("fvd16_random", "fvd128_random"):
        assert figure(results, id)["value"] > 0 and figure(results, id)["missing"] is None
    later = measured(plan, model, tmp_path / "report", weights={"i3d-400": root})
    assert figure(later, "fvd16")["value"] > 0 and figure(later, "rfvd", part="train")["value"] > 0
    assert figure(later, "is")["missing"]
    assert not [found for found in later["figures"] if found["id"].endswith("_random")]


def test_few_clips_are_refused_unless_allowed(root, model, tmp_path):
    plan = small_plan(root, allow_few=False)
    results = measured(plan, model, tmp_path / "report")
    missing = figure(results, "fvd16")["missing"]
    assert "pvdm/fvd16 needs 512 real clips and there are 6" in missing
    assert "needs 2048 generated clips and there are 2; pass --allow-few, which marks the figure" in missing
    assert figure(results, "psnr", part="train")["few"] is False


def test_quick_figures_are_custom(root, model, tmp_path):
    results = measured(quick(small_plan(root)), model, tmp_path / "report")
    found = figure(results, "fvd16_random")
    assert (found["protocol"], found["based_on"], found["few"]) == ("custom", "fvd-random/16f", True)
    assert figure(results, "st_rred", part="train")["missing"].startswith("ST-RRED takes clips of at least 72x72")


def test_a_stage_1_model_reconstructs(root, tmp_path):
    small_generator(denoiser=False, frames=16).save_pretrained(tmp_path / "model")
    results = measured(small_plan(root, settings=SETTINGS), str(tmp_path / "model"), tmp_path / "report")
    assert figure(results, "psnr", part="train")["value"] > 0
    for id in ("fvd16", "fvd128", "is"):
        for sampler in ("ddim", "dpmpp_2m"):
            assert "stage-1 autoencoder without a denoiser" in figure(results, id, sampler=sampler)["missing"]
    assert {video["kind"] for video in results["videos"]} == {"real", "reconstructed"}


def test_data_without_a_test_part(tmp_path, make_video):
    make_video("sky/sky_train/a/a.mp4", frames=20, height=32, width=32)
    small_generator(denoiser=False, frames=16).save_pretrained(tmp_path / "model")
    plan = small_plan(tmp_path / "sky", dataset="skytimelapse")
    results = measured(plan, str(tmp_path / "model"), tmp_path / "report")
    assert figure(results, "psnr", part="train")["value"] > 0
    assert "sky has no test part; give the whole data set" in figure(results, "psnr", part="test")["missing"]
    assert "give at least 2 clips on each side" in figure(results, "rfvd", part="train")["missing"]
    assert not [found for found in results["figures"] if found["id"] == "is"], "it is of UCF101's table"


def test_a_single_video_has_no_distance_and_the_rest_is_measured(root, model, tmp_path):
    results = measured(small_plan(root, num_videos=1), model, tmp_path / "report")
    for id in ("fvd16", "fvd128", "diversity"):
        assert figure(results, id)["value"] is None and "at least" in figure(results, id)["missing"]
    assert figure(results, "is")["value"] == pytest.approx(1.0)
    assert figure(results, "warping_error")["value"] >= 0 and len(results["nearest"]) == 1


def test_copies_are_told_by_the_clips_of_the_test_part(model, tmp_path):
    for number in range(12):
        video = torch.randint(256, (3, 16, 32, 32), generator=torch.Generator().manual_seed(number)).byte()
        write_video(tmp_path / "sky" / f"sky_{'train' if number < 3 else 'test'}" / "a" / f"{number}", video, fps=10)
    plan = small_plan(tmp_path / "sky", dataset="skytimelapse")
    found = figure(measured(plan, model, tmp_path / "report"), "copied_share")
    assert found["missing"] is None
    protocol = PROTOCOLS["nearest/16f"].with_changes(size=32, num_fake=plan.num_videos)
    real, held_out = (source_of(plan.root, protocol, role="real", part=part) for part in ("train", "test"))
    fake = source_of(LoadedModel.load(model), protocol, role="fake", sampling=Sampling(*plan.settings[0].samplers()))
    wanted = evaluate(real, fake, protocol, held_out=held_out, allow_few=True, batch_size=1)["metrics"]["copied_share"]
    assert {name: found[name] for name in ("value", "real", "note")} == {
        name: wanted[name] for name in ("value", "real", "note")
    }


def test_what_is_told_of_a_model_of_other_data(root, tmp_path):
    """At the top of the page and in the results."""
    generator = small_generator(frames=16)
    generator.data = {"layout": "skytimelapse", "card": {"name": "clouds"}}
    generator.save_pretrained(tmp_path / "model")
    context = context_of(small_plan(root), str(tmp_path / "model"), tmp_path / "report")
    said = about(context)
    assert (
        said["other_data"] == f"the model was trained on clouds (skytimelapse), and {root} is other data: it is ucf101"
    )
    assert said["remark"].startswith("The model was trained on clouds") and "marked as few" in said["remark"]
    context.generator.data = {"layout": "ucf101"}
    assert about(context)["other_data"] is None and about(context)["remark"].startswith("Figures marked as few")


def test_parts_are_put_together_in_order():
    drift = [{"setting": "a"}, {"setting": "b"}]
    parts = [
        {"figures": [1], "curves": {"psnr_per_frame": {"train": [30.0]}}},
        {"figures": [2, 3], "curves": {"drift": drift[:1]}},
        {},
        {"speed": [4], "curves": {"psnr_per_frame": {"test": [29.0]}, "drift": drift[1:]}},
    ]
    whole = merged(parts)
    assert whole["figures"] == [1, 2, 3] and whole["speed"] == [4] and whole["videos"] == whole["nearest"] == []
    assert whole["curves"] == {"psnr_per_frame": {"train": [30.0], "test": [29.0]}, "drift": drift}


def test_videos_of_another_report_are_copied(tmp_path):
    other = tmp_path / "other"
    (other / "videos").mkdir(parents=True)
    entry = {"file": "videos/a.mp4", "kind": "generated", "label": None, "frames": 16, "index": 0}
    (other / "videos" / "a.mp4").write_bytes(b"video")
    videos = [entry, {**entry, "kind": "real"}]
    (other / "results.json").write_text(json.dumps({"format": "pvdm-benchmark", "videos": videos}))
    assert videos_of_other(tmp_path / "report", other) == [{**entry, "kind": "other", "file": "videos/other_000.mp4"}]
    assert (tmp_path / "report" / "videos" / "other_000.mp4").read_bytes() == b"video"
    (other / "videos" / "a.mp4").unlink()
    with pytest.raises(InputError, match=r"videos/a.mp4 is not there, which .* names; give the whole report"):
        videos_of_other(tmp_path / "report", other)
    with pytest.raises(InputError, match="holds no results of pvdm benchmark; give its --output as --against"):
        videos_of_other(tmp_path / "report", tmp_path)


def test_speed_of_a_setting():
    generator = small_generator(frames=16)
    entry = sampling_speed(generator, Setting.parse("dpmpp_2m:2/1"), frames=33, repetitions=2, warm_up=False)
    assert entry.keys() == {"setting", "sampler", "frames", "seconds", "peak_memory_bytes", "energy", "batch", "device"}
    assert (entry["setting"], entry["sampler"], entry["frames"], entry["batch"]) == ("2/1", "dpmpp_2m", 33, 1)
    assert entry["seconds"] > 0 and entry["peak_memory_bytes"] > 1 << 20
