"""`pvdm test` evaluates by named protocols, with the same result as `pvdm evaluate` on the exported model."""

import json
import logging
import pickle
from types import SimpleNamespace

import pytest
import torch
from runs import scalars
from torch import nn

from pvdm.cli import main
from pvdm.errors import InputError
from pvdm.evaluation.features import detectors
from pvdm.training.callbacks import evaluation
from pvdm.training.callbacks.evaluation import Evaluation

NAMES = ("coherence/16f", "fvd-random/16f", "nearest/16f")
CHANGES = {"size": 16, "num_real": 3, "num_fake": 3}
STEPS = 2


class Thirds(nn.Module):
    """Mean colors of the thirds of a clip, in place of I3D, which takes a second per clip."""

    def forward(self, video):
        return torch.cat([part.float().mean((2, 3, 4)) for part in video.chunk(3, dim=2)], dim=1)

    def digest(self):
        return "of thirds"


@pytest.fixture(autouse=True)
def quick_detector(monkeypatch):
    monkeypatch.setitem(detectors.DETECTORS, "i3d-random", detectors._Entry(9, None, lambda _: Thirds()))


def run(arguments) -> None:
    assert main([str(word) for word in arguments]) == 0


def of_test(**more) -> dict:
    """Options of `pvdm test` that evaluate a few clips."""
    options = {"evaluation__protocols": json.dumps(NAMES), "evaluation__changes": json.dumps(CHANGES)}
    return {**options, "model__sampler__steps": STEPS, **more}


def test_the_result_is_that_of_pvdm_evaluate_on_the_exported_model(command, videos, make_video, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    folder, model = tmp_path / "run", tmp_path / "model"
    for index in range(2):
        make_video(f"videos/val/{index}.mp4", frames=17 + index, height=16, width=24)  # held out
    run(command("fit", "diffusion"))
    run(command("test", "diffusion"))
    assert not (folder / "evaluation.json").exists()
    few = json.dumps({**CHANGES, "num_real": 9})
    assert main([str(word) for word in command("test", "diffusion", **of_test(evaluation__changes=few))]) == 2
    assert "needs 9 real clips and there are 5; give more, or" in caplog.text
    assert (
        "num_real in --evaluation.changes" in caplog.text and "pass --evaluation.allow_few true, which" in caplog.text
    )
    other = json.dumps({**CHANGES, "detector": "toaster"})
    assert main([str(word) for word in command("test", "diffusion", **of_test(evaluation__changes=other))]) == 2
    assert "there is no detector toaster; choose one of i3d-400" in caplog.text
    run(command("test", "diffusion", **of_test()))
    found = json.loads((folder / "evaluation.json").read_text())
    assert f"evaluation: {folder / 'evaluation.json'}" in caplog.text
    run(["export", folder / "checkpoints" / "last.ckpt", "--output", model])
    sides = ["--real", videos, "--fake", model, "--output", tmp_path / "found.json", "--device", "cpu"]
    changes = [word for name, value in CHANGES.items() for word in (f"--{name.replace('_', '-')}", value)]
    run(["evaluate", *sides, *changes, "--protocol", *NAMES, "--steps", STEPS])
    wanted = json.loads((tmp_path / "found.json").read_text())

    assert found["format"] == wanted["format"] and len(found["results"]) == len(wanted["results"]) == 3
    for name, one, other in zip(NAMES, found["results"], wanted["results"], strict=True):
        assert (one["protocol"], one["based_on"], one["changed"]) == ("custom", name, CHANGES)
        for part in ("metrics", "settings", "counts", "few", "detector", "real"):
            assert one[part] == other[part]
        assert one["other_data"] is None and other["other_data"] is None
    assert "nearer_than_held_out" in found["results"][2]["metrics"]
    assert f"test/custom/{NAMES[1]}/fvd" in scalars(folder)
    _check_other_data_are_told(model, make_video, changes, tmp_path)


def _check_other_data_are_told(model, make_video, changes, tmp_path):
    """By the fingerprint that training stores in the model."""
    for index in range(3):
        make_video(f"other/{index}-other.mp4", frames=16, height=16, width=24)
    sides = ["--real", tmp_path / "other", "--fake", model, "--output", tmp_path / "other.json", "--device", "cpu"]
    run(["evaluate", *sides, *changes, "--protocol", NAMES[0], "--steps", STEPS])
    (result,) = json.loads((tmp_path / "other.json").read_text())["results"]
    assert result["other_data"].startswith("the model was trained on data of the layout folder (")
    assert result["other_data"].endswith("other is other data: none of its videos are among them")


def test_two_processes_give_the_result_of_one(forks, command, make_video, tmp_path):
    make_video("videos/val/1.mp4", frames=12, height=16, width=24)  # one for each part
    run(command("fit", "diffusion"))
    only = of_test(evaluation__protocols=f"[{NAMES[0]}]")
    metrics = []
    for processes in (1, 2):
        ranks = {"trainer__devices": 2, "trainer__strategy": "ddp"} if processes == 2 else {}
        forks.run(command("test", "diffusion", **only, **ranks), processes=processes)
        (result,) = json.loads((tmp_path / "run" / "evaluation.json").read_text())["results"]
        assert result["processes"] == processes
        metrics.append(result["metrics"])
    assert metrics[0] == metrics[1]


def test_stage_1_is_judged_by_its_reconstructions(command, tmp_path):
    changes = json.dumps({"size": None, "frames": 4, "num_real": 2})
    more = {"evaluation__protocols": "[reconstruction-random/16f]", "evaluation__changes": changes}
    run(command("fit", "autoencoder"))
    run(command("test", "autoencoder", **more))
    (result,) = json.loads((tmp_path / "run" / "evaluation.json").read_text())["results"]
    assert result["counts"]["real"] == 2
    assert 0 < result["metrics"]["psnr"]["value"] < 100


@pytest.mark.parametrize(
    "options, words",
    [
        ({"protocols": ["fvd"]}, "there is no protocol fvd; choose one of"),
        ({"protocols": ["pvdm"], "changes": {"source": "here"}}, "a protocol has no source to set"),
        ({"protocols": ["pvdm"], "changes": {"frames": "many"}}, "frames of a protocol is 'many'; give a whole number"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"protocols": ["pvdm/fvd16"], "detector_paths": {"i3d": "a.pt"}}, "a file for i3d, and .* files for i3d-400;"),
        ({"protocols": ["fvd-random"], "detector_paths": {"i3d-random": "a.pt"}}, "need files for none; leave it out"),
    ],
)
def test_a_value_that_is_not_understood_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        Evaluation(**options)


def test_each_network_takes_its_own_file(monkeypatch):
    taken = {}
    monkeypatch.setattr(evaluation, "_videos", lambda *arguments, **options: SimpleNamespace(part=None))
    monkeypatch.setattr(evaluation, "source_of", lambda *arguments, **options: None)
    monkeypatch.setattr(
        evaluation, "prepare", lambda *sides, detector_path, **options: taken.update({sides[2].detector: detector_path})
    )
    paths = {"i3d-400": "i3d.pt", "c3d-ucf101": "c3d.pt"}
    callback = Evaluation(["pvdm/fvd16", "tats/is", "fvd-random/16f"], detector_paths=paths)
    model = SimpleNamespace(generator=SimpleNamespace(device="cpu"))
    trainer = SimpleNamespace(datamodule=None, global_rank=0, world_size=1, is_global_zero=True)
    for protocol in callback.protocols:
        callback._prepared(protocol, model, None, trainer)
    assert taken == {**paths, "i3d-random": None}


@pytest.mark.parametrize(
    ("remedy", "of_evaluate", "of_test"),
    [
        (
            "give its path as {detector_path}",
            "give its path as --detector-path",
            "give its path as --evaluation.detector_paths",
        ),
        (
            "give {size=64}, or {size=native}",
            "give --size 64, or --size native",
            "give --evaluation.changes '{\"size\": 64}', or --evaluation.changes '{\"size\": null}'",
        ),
        ("set fewer {frames}", "set fewer --frames", "set fewer frames in --evaluation.changes"),
        ("pass {allow_few}, which", "pass --allow-few, which", "pass --evaluation.allow_few true, which"),
        ("leave out --other 3", "leave out --other 3", "leave out --other 3"),
    ],
)
def test_remedies_name_the_options_of_the_test(remedy, of_evaluate, of_test):
    error = pickle.loads(pickle.dumps(InputError("a is b", remedy, option="a")))  # as between processes
    assert str(error) == f"a is b; {of_evaluate}"
    written = error.written(evaluation._option)
    assert (str(written), written.option) == (f"a is b; {of_test}", "a")


def test_a_test_without_videos_is_refused():
    callback = Evaluation(["coherence/16f"])
    with pytest.raises(InputError, match="evaluation needs a data module of pvdm"):
        callback.on_test_start(SimpleNamespace(datamodule=None), None)
