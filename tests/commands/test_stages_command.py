"""`pvdm stages`: the commands it prints are those it runs, in order, once each; and it ends as its stages do."""

from __future__ import annotations

import json
import logging
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from training.miniature import SIZES, UNET_SIZES, read

from pvdm.cli import main
from pvdm.errors import InputError
from pvdm.training.cli import staged_training
from pvdm.training.cli.command import parsed
from pvdm.training.cli.recipe import read_recipe
from pvdm.training.cli.staged_training import RECORD, StagedTraining

TINY = {"data.layout": "scenes", "data.scenes.videos": 4, "data.scenes.held_out": 2, "data.batch_size": 2}
LAST = "checkpoints/last.ckpt"


def stage(name: str, kind: str, **overrides) -> dict:
    sizes = {**SIZES, **(UNET_SIZES if kind == "diffusion" else {})}
    values = {**TINY, **sizes, **{key.replace("__", "."): value for key, value in overrides.items()}}
    return {"name": name, "config": [f"configs/{kind}.yaml", f"configs/sizes/{kind}-tiny.yaml"], "overrides": values}


STAGES = [
    stage("autoencoder", "autoencoder"),
    stage("images", "diffusion", data__scenes__frames=1, model__autoencoder=f"{{output}}/autoencoder/{LAST}"),
    stage(
        "video",
        "diffusion",
        model__autoencoder=f"{{output}}/autoencoder/{LAST}",
        model__init_from=f"{{output}}/images/{LAST}",
    ),
]


def write(folder: Path, stages: list[dict], name: str = "mine") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    return path


@pytest.fixture
def recipe(tmp_path):
    return write(tmp_path, STAGES)


class Calls(list):
    failing = "none"


@pytest.fixture
def calls(monkeypatch):
    """The commands that are run, which do nothing, but end with status 143 in the folder `failing`."""
    calls = Calls()

    def call(arguments, lock):
        calls.append(arguments)
        if calls.failing in arguments[-1]:
            raise SystemExit(143)

    monkeypatch.setattr(staged_training, "_call", call)
    return calls


def folders(calls) -> list[str]:
    return [Path(arguments[-1]).name for arguments in calls]


def test_the_commands_that_are_printed_are_those_that_run(recipe, tmp_path, calls, capsys):
    given = ["stages", str(recipe), "--output", str(tmp_path / "out"), "--set", "trainer.max_steps=3"]
    assert main([*given, "--print-commands"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not (tmp_path / "out").exists() and not calls
    assert main(given) == 0
    assert [shlex.split(line) for line in lines] == [["pvdm", *arguments] for arguments in calls]
    config = parsed(calls[2][1:])
    assert str(config.model.init_args.init_from) == str(tmp_path / "out" / "images" / LAST)
    assert config.trainer.max_steps == 3 and config.trainer.default_root_dir == str(tmp_path / "out" / "video")


def test_budgets_limit_time_and_latents_are_encoded_first(tmp_path):
    stages = [STAGES[0], {**STAGES[1], "budget": 90, "encode": 8}]
    training = StagedTraining(read_recipe(write(tmp_path, stages)), tmp_path / "out")
    encode, fit = training.commands(training.recipe.stages[1])
    assert encode[0] == "encode" and encode[-2:] == ["--output", str(tmp_path / "out" / "latents-images")]
    config = parsed(fit[1:])
    assert config.trainer.max_time == {"seconds": 90} and config.data.layout == "latents"
    assert str(config.data.path) == str(tmp_path / "out" / "latents-images")


def test_what_is_finished_is_skipped_and_the_rest_resumed(recipe, tmp_path, calls, caplog):
    caplog.set_level(logging.INFO)
    given = ["stages", str(recipe), "--output", str(tmp_path / "out")]
    calls.failing = "images"
    with pytest.raises(SystemExit) as end:
        main(given)
    assert end.value.code == 143 and folders(calls) == ["autoencoder", "images"]
    calls.failing = "none"
    assert main(given) == 0
    assert folders(calls) == ["autoencoder", "images", "images", "video"]
    assert "stage autoencoder is finished" in caplog.text
    assert main([*given, "--set", "data.workers=1"]) == 0
    assert len(calls) == 4
    record = json.loads((tmp_path / "out" / RECORD).read_text())
    assert [entry["stage"]["name"] for entry in record] == ["autoencoder", "images", "video"]


def refusal(caplog, *arguments) -> str:
    caplog.clear()
    assert main([str(argument) for argument in arguments]) == 2
    (message,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert "\n" not in message
    return message


def test_the_folder_of_another_training_is_refused(recipe, tmp_path, calls, caplog):
    out = tmp_path / "out"
    recipe = write(tmp_path, STAGES[:2])
    calls.failing = "images"
    with pytest.raises(SystemExit):
        main(["stages", str(recipe), "--output", str(out)])
    changed = {**STAGES[1], "overrides": {**STAGES[1]["overrides"], "data.batch_size": 1}}
    other = write(tmp_path, [STAGES[0], changed], "other")
    assert "holds a training by another recipe, whose stage images differs; choose" in refusal(
        caplog, "stages", other, "--output", out
    )
    assert "whose stage images differs" in refusal(caplog, "stages", write(tmp_path, STAGES[:1]), "--output", out)
    calls.failing = "none"
    more = write(tmp_path, [*STAGES[:2], {**STAGES[1], "name": "more"}])
    assert main(["stages", str(more), "--output", str(out)]) == 0  # a stage may be added
    (out / RECORD).write_text("[{}]")
    assert "stages.json is damaged" in refusal(caplog, "stages", recipe, "--output", out)
    (out / RECORD).unlink()
    (out / "mine.txt").touch()
    assert "out holds other files" in refusal(caplog, "stages", recipe, "--output", out)


def test_mistakes_of_any_stage_are_told_before_the_first(tmp_path, calls, caplog):
    recipe = write(tmp_path, STAGES)
    wrong = {
        "data.hight=3": "data.hight",
        "data.layout=folder": "data.path must be given",
        "data.loop": "--set data.loop has no value",
    }
    for setting, message in wrong.items():
        assert message in refusal(caplog, "stages", recipe, "--output", tmp_path / "out", "--set", setting)
    assert not calls and not (tmp_path / "out").exists()
    with pytest.raises(
        InputError, match=r"init_from of stage video .* names images, which is no earlier stage; .*: none"
    ):
        read_recipe(write(tmp_path, [stage("video", "diffusion", model__init_from=f"{{output}}/images/{LAST}")]))


def test_a_folder_in_use_is_refused(recipe, tmp_path, calls, caplog):
    pytest.importorskip("fcntl")
    (tmp_path / "out").mkdir()
    with staged_training._locked(tmp_path / "out"):
        assert "is being trained by another process" in refusal(caplog, "stages", recipe, "--output", tmp_path / "out")
    assert main(["stages", str(recipe), "--output", str(tmp_path / "out")]) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="processes get signals")
def test_a_signal_ends_the_stage_and_the_same_command_resumes_it(tmp_path):
    recipe, out = write(tmp_path, STAGES[:1]), tmp_path / "out"
    command = [sys.executable, "-m", "pvdm.cli", "stages", str(recipe), "--output", str(out)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*command, "--set", "trainer.max_steps=100000"], stderr=log)
        while not (out / "autoencoder" / "config.yaml").is_file() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 143, (tmp_path / "log").read_text()
    has_saved = (out / "autoencoder" / "checkpoints" / "last.ckpt").is_file()  # not before the first update
    done = read(out / "autoencoder")["global_step"] if has_saved else 0
    assert json.loads((out / RECORD).read_text())[0]["seconds"] is None
    assert main([*command[3:], "--set", f"trainer.max_steps={done + 2}"]) == 0
    assert read(out / "autoencoder")["global_step"] == done + 2
    assert json.loads((out / RECORD).read_text())[0]["seconds"] > 0
