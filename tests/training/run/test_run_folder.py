"""The folder of a run, which several processes look at together."""

import os

import pytest

from pvdm.errors import InputError
from pvdm.training.run.run_folder import RunFolder


@pytest.mark.parametrize("others_number", [1, os.getpid()], ids=["another number", "the same number"])
def test_processes_that_start_together_do_not_disturb_each_other(tmp_path, monkeypatch, others_number):
    """Another process asks between this one's making and its deleting; on another machine it has the same number."""
    folder, others = RunFolder(tmp_path / "run"), [RunFolder(tmp_path / "run")]
    touch = type(folder.path).touch

    def meanwhile(path):
        touch(path)
        if others:
            monkeypatch.setattr(os, "getpid", lambda: others_number)
            others.pop().check_writable()

    monkeypatch.setattr(type(folder.path), "touch", meanwhile)
    folder.check_writable()
    assert list(folder.path.iterdir()) == [] and others == []


def test_a_process_that_is_refused_deletes_nothing_of_the_others(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    (folder.path / "config.yaml").touch()

    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(folder.path), "touch", refused)
    with pytest.raises(InputError, match=r"run, cannot be written \(Permission denied\); choose another as --trainer"):
        folder.check_writable()
    assert [path.name for path in folder.path.iterdir()] == ["config.yaml"]
