"""The study in its journal: shared by processes, some of which are killed, and refused if it is another one."""

import json
import multiprocessing
import os
import time
from collections import Counter
from dataclasses import replace

import pytest

from pvdm.errors import InputError
from pvdm.training.search import shared_study
from pvdm.training.search.search_space import SearchSpace
from pvdm.training.search.shared_study import Identity, SharedStudy

pytest.importorskip("optuna")

SPACE = "x: {low: 0, high: 1.0}\ny: [a, b]"
GRID = "x: {low: 0, high: 1.0, points: 5}\ny: [a, b]"
IDENTITY = Identity((), "data: {path: videos, workers: 2}", "val/loss", "max", grid=False)


def open_study(folder, method="random", **options):
    """The study in a folder, of a space of two keys."""
    folder.mkdir(exist_ok=True)
    own = folder / f"search-{os.getpid()}.yaml"  # a process does not read what another is writing
    own.write_text(GRID if method == "grid" else SPACE)
    space = SearchSpace.read(own)
    identity = replace(IDENTITY, space=space.to_json(), grid=method == "grid")
    return SharedStudy(folder / "tune.journal", folder, space=space, identity=identity, method=method, **options)


class Worker:
    """A process that makes trials, forked from this one, which has imported everything; it writes their numbers."""

    def __init__(self, folder, method, wanted, stuck):
        read, write = os.pipe()
        arguments = (folder, method, wanted, stuck, write)
        self.process = multiprocessing.get_context("fork").Process(target=make_trials, args=arguments, daemon=True)
        self.process.start()
        os.close(write)
        self.stdout = os.fdopen(read)

    def wait(self) -> int:
        self.process.join()
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()


def make_trials(folder, method, wanted, stuck, output):
    """The one of number `stuck` takes forever."""
    study = open_study(folder, method)
    while (trial := study.next(wanted)) is not None:
        with (study.folder_of(trial) / "visits").open("a") as file:
            file.write(f"{trial.number}\n")
        os.write(output, f"{trial.number}\n".encode())
        if trial.number == stuck:
            time.sleep(600)
        time.sleep(0.05)
        study.complete(trial, trial.params["x"])


@pytest.fixture
def start(tmp_path):
    """`start(method, wanted, stuck)` -> a `Worker`."""
    workers = []

    def run(method="random", wanted=12, stuck=-1):
        workers.append(Worker(tmp_path / "study", method, wanted, stuck))
        return workers[-1]

    yield run
    for worker in workers:
        worker.kill()
        worker.wait()
        worker.stdout.close()


def trials_in(folder):
    trials = open_study(folder, "grid" if len(list(folder.glob("trial-*"))) == 10 else "random").study.trials
    return trials, Counter(trial.state.name for trial in trials)


def test_processes_share_the_trials_without_losing_or_repeating_one(start, tmp_path):
    workers = [start() for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    trials, counts = trials_in(tmp_path / "study")
    assert counts == {"COMPLETE": 12}
    made = [int(line) for worker in workers for line in worker.stdout]
    assert sorted(made) == list(range(12))
    assert len({tuple(trial.params.items()) for trial in trials}) == 12
    assert all(trial.value == trial.params["x"] for trial in trials)


def test_a_trial_whose_process_is_killed_is_failed_and_resumed_in_its_folder(start, tmp_path):
    killed = start(wanted=5, stuck=2)
    while killed.stdout.readline() != "2\n":
        pass
    killed.kill()
    killed.wait()
    assert trials_in(tmp_path / "study")[1] == {"COMPLETE": 2, "RUNNING": 1}
    assert start(wanted=5).wait() == 0
    trials, counts = trials_in(tmp_path / "study")
    assert counts == {"COMPLETE": 5, "FAIL": 1} and trials[2].state.name == "FAIL"
    (resumed,) = [trial for trial in trials if trial.user_attrs.get("resumes") == 2]
    assert resumed.params == trials[2].params and resumed.user_attrs["folder"] == "trial-0002"
    assert (tmp_path / "study" / "trial-0002" / "visits").read_text().split() == ["2", str(resumed.number)]


def test_a_trial_of_a_living_process_is_left_to_it(start, tmp_path, monkeypatch):
    living = start(wanted=3, stuck=2)
    while living.stdout.readline() != "2\n":
        pass
    study = open_study(tmp_path / "study")
    waits = []
    monkeypatch.setattr(shared_study.time, "sleep", lambda seconds: waits.append(seconds) or living.kill())
    trial = study.next(3)  # waits for the other's until that is killed
    assert waits and trial.user_attrs["resumes"] == 2
    study.interrupt(trial)
    assert study.next(3).user_attrs == {"folder": "trial-0002", "resumes": trial.number}


def test_a_grid_has_each_point_once_and_ends(start, tmp_path):
    workers = [start("grid", 40) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    trials, counts = trials_in(tmp_path / "study")
    assert counts == {"COMPLETE": 10}
    points = {(trial.params["x"], trial.params["y"]) for trial in trials}
    assert points == {(x, y) for x in (0, 0.25, 0.5, 0.75, 1) for y in "ab"}


def test_pruned_trials_count_and_failed_ones_do_not(tmp_path):
    study = open_study(tmp_path)
    study.prune(study.next(2))
    study.fail(study.next(2), "it diverged")
    study.complete(study.next(2), 1.0)
    assert study.next(2) is None
    assert [trial.state.name for trial in study.study.trials] == ["PRUNED", "FAIL", "COMPLETE"]
    assert study.study.trials[1].user_attrs["cause"] == "it diverged" and study.best().number == 2


def test_tpe_finds_better_points_than_chance(tmp_path):
    best = {}
    for method in ("tpe", "random"):
        study = open_study(tmp_path / method, method)
        while (trial := study.next(40)) is not None:
            study.complete(trial, -((trial.params["x"] - 0.3) ** 2) - (trial.params["y"] == "a"))
        values = sorted(trial.value for trial in study.study.trials)
        best[method] = sum(values[-20:]) / 20
    assert best["tpe"] > best["random"]


def test_the_same_seed_gives_the_same_points_and_another_others(tmp_path):
    points = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        study = open_study(tmp_path / name, seed=seed)
        points.append([])
        while (trial := study.next(3)) is not None:
            points[-1].append(trial.params)
            study.complete(trial, 0.0)
            study = open_study(tmp_path / name, seed=seed)  # as another process would
    assert points[0] == points[1] != points[2]


def test_another_search_is_refused(tmp_path):
    study = open_study(tmp_path)
    study.complete(study.next(1), 1.0)
    identity = replace(IDENTITY, space=study.space.to_json())
    others = {
        "its metric is val/loss, not val/psnr": replace(identity, metric="val/psnr"),
        "its mode is max, not min": replace(identity, mode="min"),
        "it is no grid": replace(identity, grid=True),
        "its data.path is videos, not others": replace(identity, config="data: {path: others, workers: 2}"),
        "its search space has another x": replace(
            identity, space=[{**identity.space[0], "low": 0.5}, identity.space[1]]
        ),
        "its search space has y": replace(identity, space=identity.space[:1]),
        "its search space has no z": replace(identity, space=[*identity.space, {"key": "z"}]),
    }
    for message, other in others.items():
        with pytest.raises(InputError) as refused:
            SharedStudy(tmp_path / "tune.journal", tmp_path, space=study.space, identity=other)
        assert (
            str(refused.value) == f"{tmp_path / 'tune.journal'} holds another search: {message}; give another --storage"
        )
    elsewhere = replace(identity, config="data: {path: videos, workers: 0}")
    SharedStudy(tmp_path / "tune.journal", tmp_path, space=study.space, identity=elsewhere)


@pytest.mark.parametrize("content", ["notes\n", "3\n", "[]\n", '{"a": 1}\n{"b": 2}\n', '{"op_code": 99}\nx\n'])
def test_a_file_that_is_no_journal_is_refused_and_kept(tmp_path, content):
    (tmp_path / "tune.journal").write_text(content)
    with pytest.raises(InputError, match=r"tune.journal is not the journal of a search; give another --storage"):
        open_study(tmp_path)
    assert (tmp_path / "tune.journal").read_text() == content


def test_the_study_of_another_program_is_refused(tmp_path):
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(tmp_path / "tune.journal")))
    optuna.create_study(storage=storage, study_name="cooking")
    with pytest.raises(InputError, match=r"holds the study cooking, not one of pvdm tune; give another --storage"):
        open_study(tmp_path)


def test_a_line_that_a_killed_process_did_not_finish_is_dropped(tmp_path):
    study = open_study(tmp_path)
    study.complete(study.next(2), 0.5)
    with (tmp_path / "tune.journal").open("a") as file:
        file.write('{"op_code": 4, "wor')
    study = open_study(tmp_path)
    study.complete(study.next(2), 0.7)
    assert open_study(tmp_path).best().value == 0.7
    assert all(json.loads(line) for line in (tmp_path / "tune.journal").read_text().splitlines())


def test_trials_of_a_lost_journal_are_not_taken_for_new_ones(tmp_path):
    (tmp_path / "trial-0000").mkdir()
    with pytest.raises(InputError, match=r"trial-0000 exists already, and .*tune.journal holds no search; give the"):
        open_study(tmp_path)


def test_time_is_not_lost_where_a_study_is_over(tmp_path):
    study = open_study(tmp_path)
    study.complete(study.next(1), 1.0)
    began = time.monotonic()
    assert study.next(1) is None and time.monotonic() - began < shared_study.WAIT
