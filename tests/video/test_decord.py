"""decord reads the same frames as PyAV after any seek; files where it would not are left to PyAV."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fuzzing import encode, moving
from shown import GROUPS, soft, write

from pvdm.errors import InputError
from pvdm.training import VideoData
from pvdm.video import ClipShape, probe, read_clip, read_frames
from pvdm.video.decoding import decord as decord_reading
from pvdm.video.decoding.packets import PacketIndex, packet_index

PLAIN = {
    "h264.mp4": ("libx264", {"g": "12", "bf": "3", "b-pyramid": "normal"}),
    "h264.mkv": ("libx264", {"g": "9", "bf": "2"}),
    "vp9.webm": ("libvpx-vp9", {"g": "12", "deadline": "good", "cpu-used": "8", "lag-in-frames": "8"}),
    "vp8.webm": ("libvpx", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
}
OTHERS = {
    "open.mp4": GROUPS["open"],
    "open.mkv": GROUPS["open"],
    "refreshed.mkv": GROUPS["refreshed"],
    "hevc.mp4": GROUPS["hevc"],
    "mpeg4.mp4": ("mpeg4", {"bf": "2", "g": "12"}),
    "mpeg4.avi": ("mpeg4", {"bf": "2", "g": "12"}),
    "h264.avi": ("libx264", {"bf": "0", "g": "12"}),
    "deep.mp4": ("libx264", {"profile": "high10"}),
}


def draws(frames: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [np.unique(generator.integers(0, frames, count)) for count in (1, 1, 3, 6)] + [np.array([frames - 1])]


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files_are_read_exactly_after_seeks(tmp_path, name):
    pytest.importorskip("decord", reason='pip install "pvdm[decord]"')
    path = tmp_path / name
    encode(path, soft(40), *PLAIN[name])
    info = probe(path)
    assert PacketIndex.unpack(info.index).plain
    for wanted in draws(40):
        frames = read_frames(path, wanted, info=info, reader="decord")
        np.testing.assert_array_equal(frames, read_frames(path, wanted, info=info, reader="pyav"))
        np.testing.assert_array_equal(frames, read_frames(path, wanted))
    shape = ClipShape(6, 40, 40, stride=2)
    clips = [read_clip(path, shape, 11, crop=(0.0, 1.0), reader=reader).float() for reader in ("decord", "pyav")]
    assert (clips[0] - clips[1]).abs().mean() < 2  # one is scaled after color conversion, the other before


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_go_to_pyav_by_themselves(tmp_path, monkeypatch, name):
    path = tmp_path / name
    codec, options = OTHERS[name]
    if name == "deep.mp4":
        write(path, moving(16), codec, "yuv420p10le")
    else:
        encode(path, moving(16), codec, options)
    monkeypatch.setattr(decord_reading, "read", None)
    assert not packet_index(path).plain
    np.testing.assert_array_equal(read_frames(path, [3, 9], reader="decord"), read_frames(path, [3, 9]))


def test_a_real_file(shared_data):
    pytest.importorskip("decord", reason='pip install "pvdm[decord]"')
    for path in (
        shared_data / "wild" / "bottle-detection.mp4",
        *sorted((shared_data / "captioned").glob("*/*.mp4"))[:2],
    ):
        info = probe(path)
        assert PacketIndex.unpack(info.index).plain
        for wanted in draws(info.frames)[:3]:
            frames = read_frames(path, wanted, info=info, reader="decord")
            np.testing.assert_array_equal(frames, read_frames(path, wanted, info=info))


@pytest.fixture
def folder(tmp_path) -> Path:
    for number in range(3):
        encode(tmp_path / "videos" / f"{number}.mp4", moving(20), "libx264", {"g": "6"})
    encode(tmp_path / "videos" / "3.avi", moving(20), "mpeg4", {"bf": "2"})
    return tmp_path / "videos"


def test_the_reader_holds_in_workers(folder, caplog):
    pytest.importorskip("decord", reason='pip install "pvdm[decord]"')
    batches = {}
    for reader in ("auto", "decord"):
        options = {"frames": 4, "height": 48, "width": 64, "batch_size": 2, "workers": 1, "validation_fraction": 0.25}
        data = VideoData(folder, reader=reader, **options)
        with caplog.at_level("INFO"):
            data.setup("fit")
        batches[reader] = next(iter(data.train_dataloader()))["video"]
    assert torch.equal(batches["auto"], batches["decord"])
    assert "decord reads 3 of 4 videos" in caplog.text


def test_an_absent_package_is_a_sentence(folder, monkeypatch):
    monkeypatch.setattr(decord_reading, "find_spec", lambda _: None)
    message = r'decord is not installed; pip install "pvdm\[decord\]", or choose the reader auto'
    with pytest.raises(InputError, match=message):
        VideoData(folder, reader="decord")
    with pytest.raises(InputError, match=message):
        read_frames(folder / "0.mp4", [0], reader="decord")
    assert len(read_frames(folder / "3.avi", [0], reader="decord")) == 1


def test_a_file_that_decord_refuses_is_named(folder):
    pytest.importorskip("decord", reason='pip install "pvdm[decord]"')
    path = folder / "0.mp4"
    info, index = probe(path), packet_index(path)
    shorter = PacketIndex("pts", index.times[:-1], index.keys, index.seeks, plain=True)
    with pytest.raises(InputError, match=r"0.mp4 .* \(decord finds 20 frames in it instead of 19\)"):
        decord_reading.read(path, np.array([0]), shorter)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"0.mp4 cannot be decoded as a video"):
        read_frames(path, [0], info=info, reader="decord")
