"""Names of files that are not UTF-8 are names like others: hashed, kept, shown, and written into reports."""

import json
import os
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from pvdm.cli import main
from pvdm.data import IndexCache, SplitOptions, find_splits, index_videos, split_by_file
from pvdm.data.inspection.contact_sheet import contact_sheet
from pvdm.data.table import VideoTable
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.results import write_document
from pvdm.training import VideoData

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file systems have Unicode names")


@pytest.fixture
def latin(make_video, make_frame_folder, tmp_path):
    """Two files and a folder of frames, of names in Latin-1."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in (b"caf\xe9.mp4", b"\xfcber.mp4"):
        make_video("plain.mp4", 12, 16, 24).rename(folder / os.fsdecode(name))
    frames = make_frame_folder("frames", 12, 16, 24)
    (frames / "f_3.png").rename(frames / os.fsdecode(b"f_3\xe9.png"))
    frames.rename(folder / os.fsdecode(b"\xe9t\xe9"))
    return folder


def test_the_split_of_valid_names_is_what_it_was(tmp_path):
    """These splits were drawn before other names were known: a training that is resumed must find them again."""
    names = [f"{name}.mp4" for name in ("a", "dé", "e f", "日本", "ψ", "ü/ß", "h")]
    for fraction in (0.3, 0.5, 0.7):
        digests = {name: sha256(f"1/{name}".encode()).digest() for name in names}
        expected = {name for name in names if int.from_bytes(digests[name][:6], "big") / 2**48 < fraction}
        _, validation = split_by_file([tmp_path / n for n in names], tmp_path, validation_fraction=fraction, seed=1)
        assert {path.relative_to(tmp_path).as_posix() for path in validation} == expected and len(expected) > 0


def test_they_are_found_indexed_and_kept(latin):
    splits = find_splits(latin, options=SplitOptions(validation_fraction=0.4))
    assert len(splits.training) + len(splits.validation) == 3 and splits.validation
    cache = IndexCache.of(latin)
    index = index_videos(splits.entries, cache=cache)
    cache.save()
    assert index.bad == [] and len(index.videos) == 3
    again = IndexCache.of(latin)
    assert all(again.get(entry.path, again.mark(entry.path)) for entry in splits.entries)
    assert list(VideoTable(index.videos)) == index.videos
    assert contact_sheet(index.videos).width > 0


@pytest.mark.parametrize("workers", [0, 1])
def test_they_are_trained_on(latin, workers):
    data = VideoData(latin, frames=4, height=16, width=16, batch_size=2, workers=workers)
    data.setup("fit")
    paths = [path for batch in data.train_dataloader() for path in batch["path"]]
    assert all(Path(path).exists() for path in paths) and len(set(paths)) == 2


def test_inspect_shows_and_writes_them(latin, tmp_path, capsys):
    (latin / os.fsdecode(b"b\xe4d.mp4")).write_bytes(b"x" * 1000)
    assert main(["inspect", str(latin), "--frames", "4", "--output", str(tmp_path / "out")]) == 0
    assert r"b\udce4d.mp4 cannot be decoded" in capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert Path(report["bad"][0]["path"]).exists()
    assert (tmp_path / "out" / "contact_sheet.jpg").is_file()


def test_results_name_them(latin, tmp_path):
    videos = VideoSet.find(latin)
    assert len(videos.digest) == len(videos.marks) == 64
    names = [videos.name(video) for video in videos.videos]
    write_document(tmp_path / "results.json", {"names": names, "title": "é"})
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"names": names, "title": "é"} and "é" in text
