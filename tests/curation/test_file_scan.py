"""A scan in segments gives what one pass gives; frames that cannot be decoded are left out."""

import os
from pathlib import Path

import numpy as np
import pytest
from raw_heap import write

from pvdm.curation.curation_plan import Plan
from pvdm.curation.ledger import Entry, Ledger
from pvdm.curation.scan import file_scan
from pvdm.curation.scan.file_clips import is_scanned, known_clips, note_clips, note_segment
from pvdm.curation.scan.file_scan import Segment, merged_scan, sampled, scan_segment, segments
from pvdm.curation.scan.raw_files import RawFile, known_file, list_files, study_file
from pvdm.errors import InputError


class Levels:
    """Mean gray of frames and of samples."""

    def __init__(self):
        self.frames, self.samples = [], []

    def frame(self, number, seconds, small):
        self.frames.append(small.mean())

    def sample(self, number, seconds, picture, luma):
        self.samples.append((picture.mean(), luma.mean()))

    def arrays(self):
        return {"frame_level": np.array(self.frames, np.float32), "sample_level": np.array(self.samples, np.float32)}


def known(folder: Path, path: Path) -> RawFile:
    ledger = Ledger(folder / "ledger")
    study_file(ledger, path.parent, path.name)
    return known_file(ledger, path.parent, path.name)


def test_samples_are_the_first_frames_at_or_after_half_seconds():
    np.testing.assert_array_equal(sampled(np.arange(50) / 25), [0, 13, 25, 38])
    np.testing.assert_array_equal(sampled(np.arange(5) / 1), [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(sampled(np.array([0.0, 0.1, 3.0, 3.1])), [0, 2])
    np.testing.assert_array_equal(sampled(np.zeros(1)), [0])


def test_segments_together_are_one_pass(tmp_path, make_video, monkeypatch):
    path = make_video("a.mp4", frames=60, height=48, width=64, fps=10)
    file = known(tmp_path, path)
    (whole,) = segments(file)
    assert whole == Segment(0, 59)
    once = scan_segment(path, file, whole, [Levels()])
    monkeypatch.setattr(file_scan, "SEGMENT_SECONDS", 2.3)
    ledger = Ledger(tmp_path / "ledger")
    assert [segment.last for segment in segments(file)] == [22, 45, 59]
    for segment in segments(file):
        assert merged_scan(ledger, {}, file) is None
        ledger.put(segment.key(file), {}, Entry({}, scan_segment(path, file, segment, [Levels()])))
    merged = merged_scan(ledger, {}, file)
    for name, array in once.items():
        np.testing.assert_array_equal(merged[name], array)
    np.testing.assert_allclose(merged["frame_seconds"], np.arange(60) / 10)
    np.testing.assert_allclose(merged["sample_seconds"], np.arange(12) / 2)


def test_a_changed_file_is_studied_anew(tmp_path, make_video):
    ledger, path = Ledger(tmp_path / "ledger"), make_video("a.mp4", frames=8)
    study_file(ledger, path.parent, path.name)
    before = known_file(ledger, path.parent, path.name)
    make_video("a.mp4", frames=9)
    assert known_file(ledger, path.parent, path.name) is None
    study_file(ledger, path.parent, path.name)
    after = known_file(ledger, path.parent, path.name)
    assert (before.info.frames, after.info.frames) == (8, 9) and before.digest != after.digest


def test_files_are_listed_sorted_without_folders_of_frames(tmp_path, make_video, make_frame_folder):
    for name in ("b/c.mp4", "a.mkv"):
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        make_video(f"raw/{name}", frames=3)
    make_frame_folder("raw/frames", frames=3)
    (tmp_path / "raw" / "notes.txt").write_text("x")
    assert list_files(tmp_path / "raw") == (["a.mkv", "b/c.mp4"], {})
    with pytest.raises(InputError, match="folders of frames or image series alone"):
        list_files(tmp_path / "raw" / "frames")


def test_folders_that_cannot_be_read_are_listed_and_the_rest_goes_on(tmp_path, monkeypatch):
    for name in ("locked/a.mp4", "open/b.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()

    def scan(folder):
        if str(folder).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", scan)
    why = f"the folder {tmp_path / 'locked'} cannot be read (Permission denied)"
    assert list_files(tmp_path) == (["open/b.mp4"], {"locked": why})
    with pytest.raises(InputError, match=r"locked cannot be read \(Permission denied\); fix its permissions"):
        list_files(tmp_path / "locked")


def test_notes_on_a_file_that_changes_meanwhile_are_not_kept(tmp_path, make_video):
    path = make_video("raw/a.mp4", frames=8)
    plan = Plan(path.parent, tmp_path / "made", ("motion",))
    study_file(plan.ledger, plan.root, "a.mp4")
    file = known_file(plan.ledger, plan.root, "a.mp4")
    make_video("raw/a.mp4", frames=9)
    (segment,) = segments(file)
    with pytest.raises(InputError, match=r"a\.mp4 changed while it was read; run the same command again"):
        note_segment(plan, file, segment)
    assert not is_scanned(plan, file, segment)
    path.unlink()
    with pytest.raises(InputError, match=r"a\.mp4 cannot be decoded"):
        note_segment(plan, file, segment)


def test_links_to_nothing_and_pipes_are_refused_without_opening_them(tmp_path):
    (tmp_path / "gone.mp4").symlink_to("nothing.mp4")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert list_files(tmp_path) == (["gone.mp4", "loop.mp4", "pipe.mp4"], {})
    for name, why in (("gone", "cannot be read"), ("loop", "cannot be read"), ("pipe", "is no file")):
        with pytest.raises(InputError, match=rf"{name}\.mp4 {why}"):
            study_file(Ledger(tmp_path / "ledger"), tmp_path, f"{name}.mp4")


def test_a_file_that_is_blank_throughout_is_listed_with_the_cause(tmp_path):
    write(tmp_path / "raw" / "a.mp4", np.full((12, 48, 64, 3), 90, np.uint8))
    plan = Plan(tmp_path / "raw", tmp_path / "made", ("cuts",))
    study_file(plan.ledger, plan.root, "a.mp4")
    file = known_file(plan.ledger, plan.root, "a.mp4")
    for segment in segments(file):
        note_segment(plan, file, segment)
    note_clips(plan, file)
    found = known_clips(plan, file)
    blank = {"first_frame": 0, "last_frame": 11, "cuts": 0, "error": "all of it is blank or fades"}
    assert found.rows == [blank] and len(found.hashes) == 1
