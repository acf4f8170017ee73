"""Folders of latents: what is written is read, and what is not whole is refused in a sentence."""

import errno
import json
import os
import pickle
import resource

import numpy as np
import pytest
import torch
from data.test_encoding_plan import SETTINGS, plan

from pvdm.data.latents import shards
from pvdm.data.latents.latent_clips import LatentClips
from pvdm.data.latents.latent_folder import begin, finish, open_latents
from pvdm.data.latents.shards import ShardReader, write_shard
from pvdm.errors import InputError


def rows(first: int, stop: int, sign: int = 1) -> torch.Tensor:
    """(n, 2, 5) float16, row i of value i / 100."""
    return (sign * torch.arange(first, stop)[:, None, None] / 100).expand(-1, 2, 5).half()


def fill(folder, shard, digest=None) -> None:
    tensors = {"latents": rows(shard.first, shard.stop)}
    if shard.mirrored:
        tensors["mirrored"] = rows(shard.first, shard.first + shard.mirrored, -1)
    write_shard(folder, shard, tensors, digest or plan().digest)


@pytest.fixture
def folder(tmp_path):
    """A complete one."""
    for shard in begin(tmp_path / "latents", plan()):
        fill(tmp_path / "latents", shard)
    finish(tmp_path / "latents", plan())
    return tmp_path / "latents"


def test_what_is_written_is_read(folder):
    assert open_latents(folder) == plan()
    read = ShardReader(folder, plan())
    for row in (0, 9, 10, 56, 65):
        assert torch.equal(read(row), rows(row, row + 1)[0])
    assert torch.equal(read(56, mirrored=True), rows(56, 57, -1)[0])
    assert torch.equal(pickle.loads(pickle.dumps(read))(3), rows(3, 4)[0])  # as it goes to a worker


def test_shuffled_reads_open_each_of_many_shards_once(tmp_path, monkeypatch):
    many = plan(settings={**SETTINGS, "clips_per_shard": 1}, videos=plan().videos * 10, training=40, validation=[])
    for shard in begin(tmp_path, many):
        write_shard(tmp_path, shard, {name: rows(0, 1) for name in ("latents", "mirrored")}, many.digest)
    files, safe_open, limits = [], shards.safe_open, resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(shards, "safe_open", lambda path, **kind: files.append(path) or safe_open(path, **kind))
    read = ShardReader(tmp_path, many)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))  # fewer descriptors than shards
    try:
        for epoch in range(3):
            for row in np.random.default_rng(epoch).permutation(many.clips).tolist():
                read(row, mirrored=row % 2 == epoch % 2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(files) == len(set(files)) == many.clips > 600


def test_a_sample_is_its_context_and_its_target(folder):
    clips = LatentClips(folder, plan(), [0, 1, 2], training=True, horizontal_flip=True, clips_per_video=4)
    flipped = set()
    for index in range(len(clips)):
        sample = clips[index]
        context, target = sample["latent"][:, 0, 0].double()
        flipped.add(bool(target < 0))
        first = plan().rows_of(index // 4).start + sample["start"]
        if sample["has_context"]:
            assert abs(context).item() == pytest.approx(first / 100, abs=1e-3)
            first += 4
        else:
            assert not sample["latent"][0].any()
        assert abs(target).item() == pytest.approx(first / 100, abs=1e-3)
        assert sample["label"] == clips.videos[index // 4].label
    assert flipped == {True, False}


def test_what_is_there_is_kept_and_what_is_missing_is_done(tmp_path):
    shards = begin(tmp_path / "latents", plan())
    assert len(shards) == 7
    for shard in shards[:3]:
        fill(tmp_path / "latents", shard)
    (tmp_path / "latents" / shards[1].file).write_bytes(b"half a shard")
    (tmp_path / "latents" / ".latents-000004.77.safetensors").write_bytes(b"of a process that was killed")
    fill(tmp_path / "latents", shards[5], digest="of other latents")
    assert begin(tmp_path / "latents", plan()) == [shards[1], *shards[3:]]
    assert not list((tmp_path / "latents").glob(".*"))


def test_other_latents_are_refused_unless_they_are_to_go(folder):
    other = plan(settings={**SETTINGS, "stride": 2})
    with pytest.raises(
        InputError, match="holds other latents: --stride is 1 there and 2 here; use the same settings, choose"
    ):
        begin(folder, other)
    assert open_latents(folder) == plan()
    assert begin(folder, other, overwrite=True) == other.shards()
    assert [path.name for path in folder.iterdir()] == ["plan.json"]
    (folder / "notes.txt").touch()
    with pytest.raises(InputError, match=r"holds notes\.txt, which would be lost"):
        begin(folder, other, overwrite=True)


def test_what_is_overwritten_goes_on_where_it_was_interrupted(folder):
    other = plan(settings={**SETTINGS, "stride": 2})
    first, *rest = begin(folder, other, overwrite=True)
    with pytest.raises(InputError, match="--stride is 2 there and 1 here"):
        begin(folder, plan())
    fill_with = {"latents": rows(first.first, first.stop), "mirrored": rows(0, first.mirrored)}
    write_shard(folder, first, fill_with, other.digest)
    assert begin(folder, other, overwrite=True) == rest


@pytest.mark.parametrize("content", ["", '{"format": ', None])
def test_whole_shards_outlive_their_index(folder, content):
    shards = plan().shards()
    damaged = bytearray((folder / shards[1].file).read_bytes())
    damaged[-1] ^= 1
    (folder / shards[1].file).write_bytes(damaged)
    (folder / "index.json").unlink() if content is None else (folder / "index.json").write_text(content)
    assert begin(folder, plan()) == [shards[1]]
    fill(folder, shards[1])
    finish(folder, plan())
    assert open_latents(folder) == plan()


def test_an_index_without_shards_that_cannot_be_read_is_left_unless_it_is_to_go(tmp_path):
    begin(tmp_path, plan())
    (tmp_path / "plan.json").write_text("")
    with pytest.raises(InputError, match=r"plan\.json is damaged \(JSONDecodeError\); encode again with --overwrite"):
        begin(tmp_path, plan())
    assert begin(tmp_path, plan(), overwrite=True) == plan().shards()


@pytest.mark.parametrize("cut", [0, 1, 50])
def test_a_shard_that_is_cut_off_is_found_before_training(folder, cut):
    path = folder / plan().shards()[2].file
    path.write_bytes(path.read_bytes()[: -cut or None] + b"x" * (not cut))
    with pytest.raises(InputError, match=rf"{path.name} has \d+ bytes and should have \d+; run the pvdm encode"):
        open_latents(folder)
    path.unlink()
    with pytest.raises(InputError, match=f"{path.name} is missing; run the pvdm encode command that made it again"):
        open_latents(folder)


def test_a_damaged_shard_is_found_when_it_is_read(folder):
    path, other = (folder / plan().shards()[number].file for number in (2, 3))
    path.write_bytes(b"\xff" * path.stat().st_size)
    content = bytearray(other.read_bytes())
    content[-1], content[-2] = 0x7F, 0xFF  # a NaN, in the mirrored row 39
    other.write_bytes(content)
    read = ShardReader(folder, plan())
    with pytest.raises(InputError, match=f"{path.name} is damaged or incomplete; run the pvdm encode"):
        read(25)
    with pytest.raises(
        InputError, match=rf"{other.name} is damaged \(a latent is outside of \[-1000, 1000\]\); run the"
    ):
        read(39, mirrored=True)
    assert torch.equal(read(38), rows(38, 39)[0])


def test_what_is_no_complete_folder_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        open_latents(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty holds no index\.json; give a folder that pvdm encode has written"):
        open_latents(tmp_path / "empty")
    begin(tmp_path / "begun", plan())
    with pytest.raises(InputError, match="begun are not finished; run the pvdm encode command again to resume it"):
        open_latents(tmp_path / "begun")
    stored = json.loads((folder / "index.json").read_text())
    for changes, words in (
        ({"version": 2}, "of version 2 of the format, and this pvdm reads 1; encode again"),
        ({"format": "another"}, "is not an index of latents"),
        ({"bytes": [1]}, r"is damaged \(ValueError\)"),
        ({"videos": {}}, r"is damaged \(KeyError\)"),
        ({"training": 0}, r"is damaged \(ValueError\)"),
    ):
        (folder / "index.json").write_text(json.dumps({**stored, **changes}))
        with pytest.raises(InputError, match=words):
            open_latents(folder)
    (folder / "index.json").write_text('{"format": ')
    with pytest.raises(InputError, match=r"is damaged \(JSONDecodeError\); encode again with --overwrite"):
        open_latents(folder)


def test_a_full_disk_leaves_no_half_of_a_shard(tmp_path, monkeypatch):
    shard = begin(tmp_path / "latents", plan())[0]

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"000000\.safetensors cannot be written \(No space left on device\); free"):
        fill(tmp_path / "latents", shard)
    assert [path.name for path in (tmp_path / "latents").iterdir()] == ["plan.json"]
