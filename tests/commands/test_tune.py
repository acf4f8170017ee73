"""`pvdm tune`: real trainings as trials, killed and resumed, and what is refused before any of them."""

import builtins
import logging
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from fuzzing import encode, moving
from training.miniature import SIZES, read
from training.runs import assert_same_training, refusal

from pvdm.cli import main
from pvdm.training.search.hyperparameter_search import check_space
from pvdm.training.search.search_space import SearchSpace

optuna = pytest.importorskip("optuna")

NETWORK = {"depth": 1, "heads": 1, "head_dim": 8, "channels": 8}
TRAINER = {"max_steps": 6, "val_check_interval": 2, "check_val_every_n_epoch": "null"}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune") / "videos"
    for index in range(4):
        encode(folder / f"{index}.mp4", moving(12 + index, 16, 16))
    return folder


@pytest.fixture
def words(videos, tmp_path):
    """`words("tune", space, *more)` -> a command that searches this space, or fits, in `tmp_path / "runs"`."""

    def command(verb, space=None, *more):
        options = {**SIZES, **{f"model.autoencoder.{name}": value for name, value in NETWORK.items()}}
        options |= {f"trainer.{name}": value for name, value in TRAINER.items()}
        options |= {"data.path": videos, "trainer.default_root_dir": tmp_path / "runs", "averaging.decay": 0.5}
        options |= {"videos.every_n_updates": "null", "data.clips_per_video": 1, "data.batch_size": 2}
        configs = ["-c", "configs/autoencoder.yaml", "-c", "configs/sizes/autoencoder-tiny.yaml"]
        if space is not None:
            (tmp_path / "search.yaml").write_text(yaml.safe_dump(space))
            configs = ["--search", tmp_path / "search.yaml", *configs]
        return [
            str(word) for word in (verb, *configs, *(f"--{name}={value}" for name, value in options.items()), *more)
        ]

    return command


def study_in(journal):
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return optuna.load_study(study_name="pvdm", storage=JournalStorage(JournalFileBackend(str(journal))))


def test_a_failed_trial_fails_alone_and_fit_takes_the_best_config(words, tmp_path, caplog):
    space = {"model.optimizer.learning_rate": [1e-3, 1e35]}
    with caplog.at_level(logging.INFO):
        assert main(words("tune", space, "--method", "grid", "--model.max_skipped=2")) == 0
    trials = {
        trial.params["model.optimizer.learning_rate"]: trial
        for trial in study_in(tmp_path / "runs/tune.journal").trials
    }
    good, bad = trials[1e-3], trials[1e35]
    assert (good.state.name, bad.state.name) == ("COMPLETE", "FAIL")
    assert "not finite" in bad.user_attrs["cause"] and f"trial {bad.number} failed: " in caplog.text
    assert list(good.intermediate_values) == [2, 4, 6]
    config = yaml.safe_load((tmp_path / "runs" / "best.yaml").read_text())
    assert config["model"]["init_args"]["optimizer"]["learning_rate"] == 1e-3
    assert main(["fit", "-c", str(tmp_path / "runs" / "best.yaml")]) == 0
    best, trial = (read(tmp_path / "runs" / name) for name in ("best", f"trial-{good.number:04d}"))
    assert_same_training(best, trial)
    assert max(good.intermediate_values.values()) == good.value

    caplog.clear()
    assert "holds another search: its search space has another model.optimizer" in refusal(
        caplog, *words("tune", {"model.optimizer.learning_rate": [1e-3, 2e-3]}, "--method", "grid")
    )
    assert "its model.max_skipped is 2, not 20" in refusal(caplog, *words("tune", space, "--method", "grid"))


def test_a_search_that_is_killed_resumes_within_its_trial(words, tmp_path):
    command = words("tune", {"model.optimizer.learning_rate": [1e-3, 2e-3]}, "--trials", "1", "--trainer.max_steps=14")
    process = subprocess.Popen([sys.executable, "-m", "pvdm", *command])
    record = tmp_path / "runs" / "trial-0000" / "validations.jsonl"
    end = time.monotonic() + 200
    while not record.is_file():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert main(command) == 0
    study = study_in(tmp_path / "runs" / "tune.journal")
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE"]
    assert study.trials[0].params == study.trials[1].params and study.trials[1].user_attrs["resumes"] == 0
    assert "resuming from" in (tmp_path / "runs" / "trial-0000" / "output.log").read_text()
    assert list(study.trials[1].intermediate_values) == list(range(2, 15, 2))
    assert main(["fit", "-c", str(tmp_path / "runs" / "best.yaml")]) == 0
    assert_same_training(read(tmp_path / "runs" / "trial-0000"), read(tmp_path / "runs" / "best"))


@pytest.mark.parametrize(
    ("space", "more", "message"),
    [
        ({"model.optimizer.learning_rat": [1, 2]}, (), "did you mean model.optimizer.learning_rate?"),
        ({"data.batch_size": {"low": 1, "high": "x"}}, (), "high of data.batch_size is 'x'"),
        ({"averaging.decay": {"low": 0.1, "high": 0.5}}, ("--method", "grid"), "has no points for a grid"),
        ({"data.batch_size": [1, 2]}, ("--metric", "val/l1"), "--metric is val/l1 without a direction; give --mode"),
        ({"data.batch_size": [1, 2]}, ("--trials", "0"), "--trials is 0; give a whole number of at least 1"),
        ({"data.batch_size": [1, 2]}, ("--method", "grod"), "--method is grod; choose one of tpe, random, grid"),
        ({"data.batch_size": [1, 2]}, ("--data.widht=3",), "data.widht is not an option (did you mean data.width?)"),
    ],
)
def test_a_mistake_is_told_before_any_trial(words, tmp_path, caplog, space, more, message):
    assert message in refusal(caplog, *words("tune", space, *more))
    assert not (tmp_path / "runs").exists()


def test_without_optuna_it_says_what_to_install(words, tmp_path, caplog, monkeypatch):
    real = builtins.__import__

    def absent(name, *rest):
        if name.partition(".")[0] == "optuna":
            raise ModuleNotFoundError("No module named 'optuna'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    told = refusal(caplog, *words("tune", {"data.batch_size": [1, 2]}))
    assert told == "pvdm: error: pvdm tune needs Optuna, which is not installed; pip install 'pvdm[search]'"


def test_a_file_that_is_in_the_way_is_kept(words, tmp_path, caplog):
    (tmp_path / "notes").write_text("mine")
    space = {"data.batch_size": [1, 2]}
    assert "notes exists already and is not of a search" in refusal(
        caplog, *words("tune", space, "--output", tmp_path / "notes")
    )
    assert "notes is not the journal of a search" in refusal(
        caplog, *words("tune", space, "--storage", tmp_path / "notes")
    )
    assert (tmp_path / "notes").read_text() == "mine"


def test_the_space_in_the_documents_is_one(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "usage.md").read_text(encoding="utf-8")
    (block,) = [part for part in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL) if "type: log" in part]
    (tmp_path / "search.yaml").write_text(block)
    small = ("-c", "configs/autoencoder.yaml", "-c", "configs/sizes/autoencoder-small.yaml", "--data.path", "videos")
    check_space(SearchSpace.read(tmp_path / "search.yaml"), small)
