"""What is encoded against the autoencoder and the reader themselves, by one process and by two."""

import os
import shutil
import signal
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from cached import data, encoded, make_videos, settings
from evaluation.forked import forked
from miniature import AUTOENCODER

from pvdm.data.latents import window_reader
from pvdm.data.latents.clip_grid import ClipGrid
from pvdm.data.latents.latent_folder import open_latents
from pvdm.data.latents.shards import ShardReader
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training.latent_encoding import digest_of, encode, plan_of
from pvdm.video import ClipShape, read_clip
from pvdm.video.reader import read_covering


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_videos(tmp_path_factory.mktemp("encoding") / "videos")


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return VideoGenerator(AUTOENCODER).eval()


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.safetensors"))}


@pytest.mark.parametrize(
    "changes", [{}, {"stride": 3}, {"stride": 9, "clips_per_shard": 3}, {"dtype": "bfloat16"}], ids=str
)
def test_a_row_is_the_latent_of_its_clip(root, generator, tmp_path, changes):
    videos = data(root)
    folder = encoded(videos, generator, tmp_path / "latents", **changes)
    plan = open_latents(folder)
    read, grid, shape = ShardReader(folder, plan), plan.grid, videos.collection.clip
    for number, video in enumerate(plan.videos):
        first, mirrored = plan.rows_of(number).start, number < plan.training
        rows = list(range(len(plan.rows_of(number))))[::5]
        found = [read(first + row, mirrored=mirrored) for row in rows]
        assert {latent.dtype for latent in found} == {getattr(torch, plan.settings["dtype"])}
        starts = [int(grid.frames(row, video.info)[0]) for row in rows]
        clips = [read_clip(root / video.path, shape, start, flip=mirrored) for start in starts]
        with torch.no_grad():
            wanted = generator.autoencoder.encode(torch.stack(clips).float() / 127.5 - 1).flatten()
        tolerance = 2**-8 if changes.get("dtype") else 2**-11
        torch.testing.assert_close(torch.stack(found).float(), wanted, atol=tolerance, rtol=0)


@pytest.mark.parametrize("fps", [17.0, 60.0])
def test_clips_by_time_are_the_frames_of_the_samples(root, generator, make_video, tmp_path, fps):
    shutil.copytree(root, tmp_path / "videos")
    shown = [*range(0, 400, 20), *range(400, 3000, 200), *range(60_000, 60_100, 50)]
    make_video("videos/train/b/uneven.mp4", len(shown), 16, 24, milliseconds=shown)
    videos = data(tmp_path / "videos", fps=fps, max_bad_share=0.9, clips_per_video=5)
    folder = encoded(videos, generator, tmp_path / "latents")
    cached = data(folder, layout="latents", fps=fps, clips_per_video=5)
    assert cached.training.videos == [
        replace(video, path=video.path.relative_to(videos.options.path)) for video in videos.training.videos
    ]
    for index in range(len(videos.training)):
        pixels, latent = videos.training[index], cached.training[index]["latent"]
        clips = pixels["video"].float().unflatten(1, (2, AUTOENCODER.frames)).movedim(1, 0) / 127.5 - 1
        with torch.no_grad():
            wanted = generator.autoencoder.encode(clips).flatten()
        torch.testing.assert_close(latent[1].float(), wanted[1], atol=2e-3, rtol=0)
        assert not pixels["has_context"] or (latent[0].float() - wanted[0]).abs().max() < 2e-3


@pytest.mark.parametrize("stride", [1, 3])
def test_latents_of_cycles_are_those_of_the_samples(root, generator, tmp_path, stride):
    videos = data(root, loop=True, clips_per_video=4)
    folder = encoded(videos, generator, tmp_path / "latents", stride=stride)
    cached = data(folder, layout="latents", clips_per_video=4)
    assert cached.collection.describe()["clip"]["loop"] and cached.collection.clip.loop
    by_path = {video.path: video for video in videos.training.videos}
    for index in range(len(cached.training)):
        sample = cached.training[index]
        assert sample["has_context"]
        video, shape = by_path[root / sample["path"]], videos.collection.clip.longer(2)
        pixels = read_clip(video.path, shape, sample["start"]).unflatten(1, (2, AUTOENCODER.frames)).movedim(1, 0)
        with torch.no_grad():
            wanted = generator.autoencoder.encode(pixels.float() / 127.5 - 1).flatten()
            mirrored = generator.autoencoder.encode(pixels.flip(-1).float() / 127.5 - 1).flatten()
        found = sample["latent"].float()
        assert min((found - wanted).abs().max(), (found - mirrored).abs().max()) < 2e-3
    with pytest.raises(InputError, match=r"clips with loop False, and data\.loop is True"):
        data(encoded(data(root), generator, tmp_path / "plain"), layout="latents", loop=True)


def test_a_video_is_read_once_for_all_its_clips(root, generator, tmp_path, monkeypatch):
    read = []

    def reading(path, *arguments, **options):
        read.append(path)
        return read_covering(path, *arguments, **options)

    monkeypatch.setattr(window_reader, "read_covering", reading)
    videos = data(root)
    encoded(videos, generator, tmp_path / "latents", clips_per_shard=1000)
    assert len(read) == len(set(read)) == 6


def test_windows_are_bounded_and_pass_over_gaps(root, monkeypatch):
    video, clip = data(root).training.videos[0], ClipShape(4, 16, 16)
    frames = video.info.frames

    def found(stride, most):
        monkeypatch.setattr(window_reader, "WINDOW", most * 3 * 16 * 24)
        grid = ClipGrid(clip, stride)
        return grid, list(window_reader.windows(video, range(grid.rows(video.info)), grid))

    for stride in (1, 3, 4, 11):
        for most in (1, 6, 1000):
            grid, windows = found(stride, most)
            assert [row for window in windows for row in window.rows] == list(range(grid.rows(video.info)))
            for window in windows:
                held = window.indices.tolist()
                assert len(held) <= max(most, 4) and held[-1] < frames and held == sorted(set(held))
                assert {frame for row in window.rows for frame in grid.frames(row, video.info)} == set(held)
    assert len(found(1, 1000)[1]) == 1


def test_two_processes_make_the_files_of_one(root, generator, tmp_path):
    videos = data(root)
    plan = plan_of(videos.collection, generator.autoencoder, settings())

    def shared(name):
        def run(group):
            encode(plan, tmp_path / name, root=root, generator=generator, batch_size=4, processes=group)

        return run

    assert forked(shared("one"), size=1) == [None]
    assert forked(shared("two"), size=2) == [None, None]
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert open_latents(tmp_path / "two") == plan


def test_what_was_encoded_before_a_kill_is_kept(root, generator, tmp_path):
    videos, folder = data(root), tmp_path / "latents"
    plan = plan_of(videos.collection, generator.autoencoder, settings())
    shards = len(plan.shards())

    def killed(_):
        def after_two(what, done, total):
            if done > 2 * 16:  # within the third shard
                os.kill(os.getpid(), signal.SIGKILL)

        encode(plan, folder, root=root, generator=generator, batch_size=4, progress=after_two)

    assert forked(killed, size=1) == ["it ended without a word"]
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}
    assert len(times) == 2
    assert encode(plan, folder, root=root, generator=generator, batch_size=4) == shards - 2
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    encoded(videos, generator, tmp_path / "whole")
    assert contents(folder) == contents(tmp_path / "whole")
    next(folder.glob("latents-000001*")).unlink()
    assert encode(plan, folder, root=root, generator=generator, batch_size=4) == 1
    assert contents(folder) == contents(tmp_path / "whole")


def test_progress_moves_within_a_shard(root, generator, tmp_path):
    plan, told = plan_of(data(root).collection, generator.autoencoder, settings()), []
    encode(plan, tmp_path / "latents", root=root, generator=generator, batch_size=4, progress=lambda *_: told.append(_))
    steps = [done - before for before, done in pairwise([0, *(done for _, done, _ in told)])]
    assert max(steps) == 4 < 16 == plan.settings["clips_per_shard"]
    assert told[-1] == ("encode", plan.clips, plan.clips)


def test_where_one_of_two_is_refused_both_end(root, generator, tmp_path):
    plan = plan_of(data(root).collection, generator.autoencoder, settings())
    (tmp_path / "latents").mkdir()
    (tmp_path / "latents" / "notes.txt").touch()

    def run(group):
        encode(plan, tmp_path / "latents", root=root, generator=generator, batch_size=4, processes=group)

    first, second = forked(run)
    assert "notes.txt, which would be lost" in first
    assert second == "it ended without a word"


def test_a_video_that_has_gone_is_named(root, generator, tmp_path):
    plan = plan_of(data(root).collection, generator.autoencoder, settings())
    with pytest.raises(InputError, match=r"a/1\.mp4 does not exist"):
        encode(plan, tmp_path / "latents", root=tmp_path, generator=generator, batch_size=4)
    assert [path.name for path in (tmp_path / "latents").iterdir()] == ["plan.json"]


def test_the_digest_is_of_sizes_and_weights(generator, tmp_path):
    generator.save_pretrained(tmp_path / "exported")
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    torch.save({"pvdm": generator.to_config(), "state_dict": state}, tmp_path / "first.ckpt")
    loaded = [VideoGenerator.load(tmp_path / name).autoencoder for name in ("exported", "first.ckpt")]
    assert {digest_of(autoencoder) for autoencoder in loaded} == {digest_of(generator.autoencoder)}
    heads = {**vars(AUTOENCODER), "heads": 1, "head_dim": 8}  # tensors of the same shapes, and another function
    other = VideoGenerator(type(AUTOENCODER)(**heads))
    other.load_state_dict(generator.state_dict())
    assert digest_of(other.autoencoder) != digest_of(generator.autoencoder)
    with torch.no_grad():
        loaded[0].embed_patches.bias[0] += 1e-6
    assert digest_of(loaded[0]) != digest_of(generator.autoencoder)


def test_latents_that_are_not_finite_are_not_written(root, tmp_path):
    spoiled = VideoGenerator(AUTOENCODER).eval()
    with torch.no_grad():
        spoiled.autoencoder.embed_patches.bias[0] = torch.nan
    with pytest.raises(
        InputError, match=r"encoding with the model gave values .* its autoencoder.embed_patches.bias is"
    ):
        encoded(data(root), spoiled, tmp_path / "latents")
    assert contents(tmp_path / "latents") == {}
