"""Clips as files: copied where that is exact, encoded elsewhere, with sound and captions, and resumed."""

from __future__ import annotations

import numpy as np
import pytest
from data.catalogue.small_catalogues import write_catalogue
from video.sounds import tone, write_wav

from pvdm.cli import main
from pvdm.curation.clip_export import export_clips
from pvdm.data.catalogue.clip_table import read_clips
from pvdm.errors import InputError
from pvdm.video import probe, read_frames
from pvdm.video.sound.muxing import add_sound
from pvdm.video.sound.soundtrack import read_sound

SPANS = {
    "walk/a.mp4": [(11, 32), (5, 20, {"captions": ["a  dog\nruns", "a dog"]}), (22, 59)],
    "b.mp4": [(0, 39)],
    "slow.mp4": [(10, 39)],
}
MILLISECONDS = [40 * min(number, 20) + 80 * max(number - 20, 0) for number in range(40)]


@pytest.fixture
def clips(make_video, tmp_path):
    """Clips of a file with keyframes every 11 frames and a tone from second 1 on, a whole one, and of variable rate."""
    walk = make_video("videos/walk/a.mp4", 60, 32, 48, g="12")
    add_sound(walk, write_wav(tmp_path / "tone.wav", tone(2.4, begins=1.0)))
    make_video("videos/b.mp4", 40, 32, 48)
    make_video("videos/slow.mp4", 40, 32, 48, milliseconds=MILLISECONDS)
    return read_clips(write_catalogue(tmp_path / "catalogue", tmp_path / "videos", SPANS))


def file_of(folder, clips, file, first, last):
    (found,) = folder.glob(f"{file}_{first:06d}-{last:06d}_????????.mp4")
    return found


def frames_of(path) -> np.ndarray:
    return read_frames(path, np.arange(probe(path).frames))


def test_what_is_copied_is_exact_and_what_is_encoded_close(clips, tmp_path):
    before = {path: path.read_bytes() for path in clips.root.rglob("*.mp4")}
    out, seen = tmp_path / "out", []
    done = export_clips(clips, out, lambda: seen.append(1))
    assert (done.written, done.present, done.failed, len(seen)) == (5, 0, {}, 5)
    assert {path: path.read_bytes() for path in clips.root.rglob("*.mp4")} == before
    source = frames_of(clips.root / "walk/a.mp4")
    for first, last in ((11, 32), (22, 59)):
        path = file_of(out, clips, "walk/a", first, last)
        np.testing.assert_array_equal(frames_of(path), source[first : last + 1])
        assert probe(path).fps == 25
    encoded = frames_of(file_of(out, clips, "walk/a", 5, 20)).astype(float)
    assert encoded.shape == (16, 32, 48, 3) and np.abs(encoded - source[5:21]).mean() < 6
    assert file_of(out, clips, "b", 0, 39).read_bytes() == before[clips.root / "b.mp4"]
    slow = probe(file_of(out, clips, "slow", 10, 39))
    assert slow.times is None and slow.frames / slow.fps == pytest.approx(2.0, abs=0.15)


def test_sound_stays_in_time(clips, tmp_path):
    export_clips(clips, tmp_path / "out")
    for first, last in ((5, 20), (11, 32), (22, 59)):
        sound = read_sound(file_of(tmp_path / "out", clips, "walk/a", first, last)).samples
        loud = np.flatnonzero(np.abs(sound) > 0.1) / 16_000
        begins = max(0.0, 1.0 - first / 25)
        if begins * 25 < last - first:
            assert loud[0] == pytest.approx(begins, abs=0.05)
        else:
            assert not len(loud)


def test_captions_lie_beside_their_clip(clips, tmp_path):
    export_clips(clips, tmp_path / "out")
    (text,) = (tmp_path / "out").rglob("*.txt")
    assert text.read_text() == "a dog runs\na dog\n" and text.with_suffix(".mp4").is_file()


def test_the_same_call_goes_on_and_clears_what_a_kill_left(clips, tmp_path):
    out = tmp_path / "out"
    export_clips(clips, out)
    path = file_of(out, clips, "walk/a", 5, 20)
    stamps = {other: other.stat().st_mtime_ns for other in out.rglob("*.mp4") if other != path}
    path.unlink()
    rest = path.with_name(f".{path.stem}.77{path.suffix}")
    rest.write_bytes(b"half")
    done = export_clips(clips, out)
    assert (done.written, done.present) == (1, 4) and path.is_file() and not rest.exists()
    assert {other: other.stat().st_mtime_ns for other in stamps} == stamps


def test_clips_that_cannot_be_read_are_told_and_the_others_written(clips, tmp_path, caplog):
    (clips.root / "b.mp4").unlink()
    (clips.root / "slow.mp4").write_bytes(b"other")
    done = export_clips(clips, tmp_path / "out")
    assert done.written == 3 and len(done.failed) == 2
    reasons = sorted(done.failed.values())
    assert "cannot be read (No such file" in reasons[0] and "has changed since it was curated" in reasons[1]
    assert not list((tmp_path / "out").glob("*.mp4")) and "b.mp4" in caplog.text


def test_a_damaged_stream_leaves_nothing_half_written(clips, tmp_path):
    path = clips.root / "slow.mp4"
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[: middle - 200] + bytes(400) + content[middle + 200 :])
    done = export_clips(clips, tmp_path / "out")
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert done.written + len(done.failed) == 5 and not [name for name in names if name.startswith(".")]


def test_files_outside_the_folder_and_a_full_disk(clips, tmp_path):
    rows = clips.table.to_pylist()[:1]
    outside = clips.having(clips.table.from_pylist([{**rows[0], "file": "../a.mp4"}], schema=clips.table.schema))
    assert "lies outside" in next(iter(export_clips(outside, tmp_path / "out").failed.values()))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        export_clips(clips, tmp_path / "file")


def test_select_exports_what_it_chooses(clips, tmp_path, caplog):
    output = ["--output", str(tmp_path / "chosen.parquet"), "--export-clips", str(tmp_path / "out")]
    assert main(["select", str(clips.path.parent), "--where", "frames < 30 and file != 'slow.mp4'", *output]) == 0
    assert len(list((tmp_path / "out").rglob("*.mp4"))) == 2 and "2 clips written" in caplog.text
