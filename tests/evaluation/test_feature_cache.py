"""Features are computed once per key, whatever happens to the cached file."""

import json
import logging

import numpy as np
import pytest

from pvdm.evaluation.features.cache import stored
from pvdm.evaluation.metrics.frechet import frechet_distance

KEY = {"source": {"path": "/videos", "count": 3}, "size": 64}


class Counted:
    """Returns these rows and counts the calls."""

    def __init__(self, seed: int = 0) -> None:
        self.rows, self.calls = np.random.default_rng(seed).normal(size=(6, 4)), 0

    def __call__(self) -> np.ndarray:
        self.calls += 1
        return self.rows


@pytest.fixture
def file(cache_folder):
    def file():
        [path] = (cache_folder / "features").iterdir()
        return path

    return file


def test_features_are_computed_once_for_a_key(file):
    compute = Counted()
    first = stored(KEY, compute)
    again = stored({"size": 64, "source": {"count": 3, "path": "/videos"}}, compute)
    assert compute.calls == 1
    assert again.dtype == np.float64
    assert again.tolist() == first.tolist() == compute.rows.tolist()
    assert frechet_distance(again, Counted(1).rows) == frechet_distance(first, Counted(1).rows)


def test_another_key_has_other_features():
    assert stored(KEY, Counted(0)).tolist() == Counted(0).rows.tolist()
    for changed in ({**KEY, "size": 65}, {**KEY, "size": "64"}, {**KEY, "source": {"path": "/videos"}}):
        compute = Counted(1)
        assert stored(changed, compute).tolist() == compute.rows.tolist()


def test_a_file_contains_its_key_and_is_not_a_pickle(file):
    stored(KEY, Counted())
    with np.load(file(), allow_pickle=False) as kept:
        assert json.loads(kept["key"].item()) == {"format": 1, **KEY}
        assert kept["rows"].tolist() == Counted().rows.tolist()


def test_a_file_of_another_key_is_written_anew(file, cache_folder):
    stored(KEY, Counted())
    wanted = file()
    wanted.rename(cache_folder / "other")
    stored({"another": 1}, Counted(1))
    file().rename(wanted)
    assert stored(KEY, Counted()).tolist() == Counted().rows.tolist()
    compute = Counted()
    stored(KEY, compute)
    assert not compute.calls


def test_damaged_files_are_written_anew(file):
    """Cut anywhere, or with any byte changed: the features are right, and cached again."""
    stored(KEY, Counted())
    path = file()
    whole = path.read_bytes()
    cuts = [whole[:length] for length in range(0, len(whole), 41)]
    flips = [whole[:i] + bytes([whole[i] ^ bit]) + whole[i + 1 :] for i in range(0, len(whole), 7) for bit in (1, 0x80)]
    for damaged in [*cuts, *flips, b"", b"text", whole + whole]:
        path.write_bytes(damaged)
        assert stored(KEY, Counted()).tolist() == Counted().rows.tolist()
    path.write_bytes(b"")
    stored(KEY, Counted())
    assert path.read_bytes() == whole


def test_features_of_a_wrong_shape_or_type_are_written_anew(file):
    stored(KEY, Counted())
    text = json.dumps({"format": 1, **KEY}, sort_keys=True)
    for rows in (np.zeros(4), np.zeros((2, 2), dtype=np.float32), np.zeros((0, 4)), np.array([[None]])):
        with file().open("wb") as place:
            np.savez(place, key=np.array(text), rows=rows)
        assert stored(KEY, Counted()).tolist() == Counted().rows.tolist()


def test_features_that_cannot_be_cached_are_computed_and_logged(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PVDM_CACHE", str(tmp_path / "file"))
    assert stored(KEY, Counted()).tolist() == Counted().rows.tolist()
    assert "features are not cached: " in caplog.text
    caplog.clear()
    monkeypatch.delenv("PVDM_CACHE")
    monkeypatch.setattr("pvdm.data.index_cache.Path.home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert stored(KEY, Counted()).tolist() == Counted().rows.tolist()
    assert "features are not cached: this user has no home directory; set PVDM_CACHE to a folder" in caplog.text


def test_failures_are_not_cached(cache_folder):
    with pytest.raises(ZeroDivisionError):
        stored(KEY, lambda: 1 / 0)
    assert not (cache_folder / "features").exists()


def test_a_key_that_json_cannot_tell_is_refused():
    with pytest.raises(ValueError, match="Out of range float"):
        stored({"value": float("nan")}, Counted())
