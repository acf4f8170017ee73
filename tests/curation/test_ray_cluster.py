"""The same tasks on a Ray cluster of this machine, a killed worker included."""

from contextlib import closing

import pytest
from test_local_processes import KILLED, Piece

from pvdm.curation.engines.ray_cluster import RayCluster
from pvdm.curation.ledger import LedgerError
from pvdm.errors import InputError


@pytest.fixture
def cluster(monkeypatch):
    """Two processes; the modules of tests are found by them."""
    monkeypatch.setenv("PYTHONPATH", __file__.rpartition("/")[0])
    monkeypatch.setenv("RAY_worker_niceness", "0")  # by default workers wait for all that other tests do
    with closing(RayCluster(2)) as ray:
        yield ray


def test_all_tasks_are_done_whatever_some_of_them_do(tmp_path, cluster):
    names = [f"{i}" for i in range(6)]
    tasks = [Piece(tmp_path, name) for name in (*names[:3], "killed", "bad", *names[3:])]
    found = {task.name: why for task, why in cluster.run(tasks)}
    assert found == {**dict.fromkeys(names), "killed": KILLED, "bad": "bad is no video"}
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    with pytest.raises(LedgerError, match="the disk is full"):
        list(cluster.run([Piece(tmp_path, "full")]))


def test_a_machine_without_ray_says_what_to_install(monkeypatch):
    monkeypatch.setattr("pvdm.curation.engines.ray_cluster.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pvdm\[cluster\]"):
        RayCluster(2)
