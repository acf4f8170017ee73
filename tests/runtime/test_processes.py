"""Two real processes measure what one does, to the bit, and none waits for one that has ended."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from importlib import import_module

import numpy as np
import pytest
import torch
from evaluation.forked import SILENT, forked
from evaluation.live_clips import LiveClips, Projection

from pvdm.errors import InputError
from pvdm.evaluation.features.cache import stored
from pvdm.evaluation.features.extraction import FeatureTable, extract
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.runtime.processes import ALONE, Processes, connected, device_of_rank, processes, together

MODULE = import_module("pvdm.runtime.processes")  # the package has a function of this name
LOST = "another process of this run has ended; its own message says why"


@pytest.mark.parametrize("count", [1, 7, 12])
def test_two_processes_extract_what_one_does_to_the_bit(count):
    """Also where the second one has nothing to do; each clip is read once."""

    def measure(group: Processes) -> tuple[list, list]:
        source = LiveClips(count)
        return extract(source, Projection(), batch_size=2, processes=group).tolist(), source.read_numbers

    [(alone, _)] = forked(measure, size=1)
    (first, read), (second, read_by_second) = forked(measure)
    assert first == second == alone
    assert sorted(read + read_by_second) == list(range(count))


def test_a_distance_is_the_same_number_in_every_process():
    def measure(group: Processes) -> float:
        options = {"batch_size": 3, "processes": group}
        rows = extract(LiveClips(20), Projection(), **options)
        return frechet_distance(rows[:9], rows[9:])

    [alone] = forked(measure, size=1)
    assert forked(measure) == [alone, alone]


def test_a_table_goes_on_with_its_own_rows_after_it_was_computed():
    def measure(group: Processes) -> list:
        table = FeatureTable()
        table.update([group.rank], torch.full((1, 2), float(group.rank)))
        first = table.compute().tolist()
        table.update([10 + group.rank], torch.full((1, 2), 10.0 + group.rank))
        return [first, table.compute().tolist()]

    wanted = [[[0, 0], [1, 1]], [[0, 0], [1, 1], [10, 10], [11, 11]]]
    assert forked(measure) == [wanted, wanted]


def test_a_clip_that_two_processes_measure_is_refused():
    def measure(group: Processes) -> None:
        table = FeatureTable()
        table.update([3], torch.ones(1, 2))
        table.compute()

    assert forked(measure) == ["the features of clip 3 were added twice; measure each clip once"] * 2


def test_clips_of_each_process_that_differ_from_the_others_are_refused():
    def measure(group: Processes) -> None:
        extract(LiveClips(2, changed={1: (4, 6, 9)}), Projection(), batch_size=1, processes=group)

    first, second = forked(measure)
    assert first.startswith("clip-0 has 4 frames of 6x8 and clip-1 has 4 frames of 6x9; a measurement needs")
    assert second.startswith("clip-1 has 4 frames of 6x9 and clip-0 has 4 frames of 6x8; a measurement needs")


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_dies_ends_the_other(rank):
    def measure(group: Processes) -> None:
        if group.rank == rank:
            os._exit(1)
        extract(LiveClips(4), Projection(), batch_size=1, processes=group)

    found = forked(measure)
    assert found == ([SILENT, LOST] if rank == 0 else [LOST, SILENT])


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_refused_something_ends_the_other(rank):
    def refuse(group: Processes) -> None:
        if group.rank == rank:
            raise InputError("video 3 is damaged")
        group.barrier()

    found = forked(refuse)
    assert found[rank] == "video 3 is damaged"
    assert found[1 - rank] == LOST


@pytest.mark.parametrize("ranks", [(), (0,), (1,), (0, 1)])
def test_what_is_refused_before_the_work_is_said_once(ranks):
    def prepared(group: Processes) -> int | str:
        def open_files() -> int:
            if group.rank in ranks:
                raise InputError(f"process {group.rank} sees no videos")
            return 7

        try:
            return together(group, open_files)
        except SystemExit as end:
            return f"ended with {end.code}"

    said = [f"process {min(ranks)} sees no videos", "ended with 2"] if ranks else [7, 7]
    assert forked(prepared) == said


def test_a_loss_that_a_metric_meets_is_told_alike():
    def measure(group: Processes) -> None:
        if group.is_main:
            os._exit(1)
        torch.distributed.all_reduce(torch.ones(1))

    assert forked(measure) == [SILENT, LOST]


@pytest.mark.parametrize("absent", [0, 1])
def test_a_process_that_never_comes_is_not_waited_for(absent, monkeypatch, capfd):
    monkeypatch.setattr(MODULE, "START_TIMEOUT", timedelta(seconds=1))
    [found] = forked(lambda group: None, absent=(absent,))
    assert found == (
        f"the 2 processes of WORLD_SIZE have not all started (this is number {1 - absent}); "
        "start them by torchrun, or unset WORLD_SIZE"
    )


def test_stored_features_are_those_of_the_first_process(tmp_path):
    """It alone looks, so that none computes by itself where the others have found them."""

    def measure(group: Processes, calls: int = 0) -> tuple[list, int]:
        os.environ["PVDM_CACHE"] = str(tmp_path / str(group.rank))
        counted = []

        def compute() -> np.ndarray:
            counted.append(1)
            return extract(LiveClips(4), Projection(), batch_size=1, processes=group)

        return stored({"noise": 4}, compute, processes=group).tolist(), len(counted)

    (first, calls), (second, calls_of_second) = forked(measure)
    assert calls == calls_of_second == 1
    assert not (tmp_path / "1").exists()
    assert forked(measure) == [(first, 0), (first, 0)]
    assert second == first


def test_what_is_connected_already_is_left_connected():
    def measure(group: Processes) -> list:
        with processes() as again:
            pass
        return [again == group == connected(), group.gather(group.rank)]

    assert forked(measure) == [[True, [0, 1]]] * 2


def test_one_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with processes() as group:
        group.barrier()
        assert group == ALONE == connected()
        assert group.gather("value") == ["value"]
        assert group.share(range(3)) == [0, 1, 2]
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is two in the environment; start the processes by torchrun"),
        ({"WORLD_SIZE": "2", "RANK": None}, "RANK is None in the environment"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": None}, "the 2 processes of WORLD_SIZE have not all started"),
    ],
)
def test_an_environment_that_torchrun_did_not_make(environment, message, monkeypatch):
    for name, value in environment.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message), processes():
        pass


def test_each_process_takes_the_gpu_of_its_number(monkeypatch):
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert device_of_rank(cuda) == cuda
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device_of_rank(cuda) == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "2")
    for name in ("cpu", "cuda:0", "mps"):
        assert device_of_rank(torch.device(name)) == torch.device(name)
    wanted = (
        "process 3 of this machine has no CUDA device of its own, because there are only 2; start 2 processes (torchrun"
    )
    with pytest.raises(InputError, match=re.escape(wanted)):
        device_of_rank(cuda)
