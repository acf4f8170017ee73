"""Live video: frames come as they are written, from what can be piped, and damage is told."""

from __future__ import annotations

import logging
import os
from fractions import Fraction
from io import FileIO
from threading import Thread

import pytest
import torch

from pvdm.errors import InputError
from pvdm.video import read_video, write_video
from pvdm.video.live.live_video import LiveVideo, _Gaps
from pvdm.video.live.live_writer import LiveWriter


def flat_video(frames: int) -> torch.Tensor:
    """(3, frames, 32, 48) uint8, each frame of another gray."""
    return (20 + 5 * torch.arange(frames)).byte().view(1, -1, 1, 1).expand(3, -1, 32, 48)


@pytest.fixture
def pipe():
    """(what reads, what writes) of a pipe, unbuffered."""
    ends = os.pipe()
    with FileIO(ends[0]) as reader, FileIO(ends[1], "wb") as writer:
        yield reader, writer


def sent(pipe, content: bytes) -> FileIO:
    """What reads from a pipe that is given all this, and closed."""

    def send() -> None:
        with pipe[1]:
            pipe[1].write(content)

    Thread(target=send, daemon=True).start()
    return pipe[0]


def grays(video) -> list[int]:
    return [round(frame.float().mean().item()) for frame in video]


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_a_file_comes_through_a_pipe_as_it_is_read(pipe, tmp_path, suffix):
    write_video(tmp_path / f"a{suffix}", flat_video(30), fps=12.5)
    with LiveVideo(sent(pipe, (tmp_path / f"a{suffix}").read_bytes())) as live:
        assert live.size == (32, 48) and live.fps == 12.5
        found = torch.cat(list(live.runs(8)), dim=1)
    assert torch.equal(found, read_video(tmp_path / f"a{suffix}"))


def test_frames_are_scaled_and_cropped_as_those_of_a_file(pipe, tmp_path):
    write_video(tmp_path / "a.mp4", flat_video(5), fps=10)
    with LiveVideo(sent(pipe, (tmp_path / "a.mp4").read_bytes()), (16, 16)) as live:
        found = torch.cat(list(live.runs(8)), dim=1)
    assert torch.equal(found, read_video(tmp_path / "a.mp4", size=(16, 16)))


def test_what_is_written_can_be_read_before_more_is_written(pipe):
    reader, writer = pipe
    video, seen = flat_video(40), []
    with LiveWriter(writer, fps=10) as live:
        live.write(video[:, :20])
        with LiveVideo(reader) as source:
            frames = source.runs(1)
            seen = [next(frames) for _ in range(10)]
            live.write(video[:, 20:])
            seen += [next(frames) for _ in range(20)]
    assert grays(seen) == pytest.approx(grays(video[:, :30].unbind(1)), abs=1)


def test_frames_that_wait_are_bounded(pipe, tmp_path):
    write_video(tmp_path / "a.mp4", flat_video(40), fps=10)
    with LiveVideo(sent(pipe, (tmp_path / "a.mp4").read_bytes()), ahead=3) as live:
        waiting = [live._queue.qsize() for _ in live.runs(1)]
    assert len(waiting) == 40 and max(waiting) <= 3


def test_damage_between_whole_frames_is_told_and_left_out_at_the_ends(pipe, tmp_path, caplog):
    """Every frame of MJPEG is on its own; garbage stands in place of the first, two in the middle and the last."""
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuvj420p"
        for number, picture in enumerate(flat_video(12).permute(1, 2, 3, 0).contiguous().numpy()):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                if number in (0, 4, 5, 11):
                    damaged = av.Packet(b"\0" * 40)
                    damaged.stream, damaged.pts, damaged.dts = stream, packet.pts, packet.dts
                    damaged.time_base, packet = packet.time_base, damaged
                container.mux(packet)
    with LiveVideo(sent(pipe, path.read_bytes())) as live:
        found = list(live.each())
    assert [index for index, frame in enumerate(found) if frame is None] == [3, 4] and len(found) == 10
    with path.open("rb", buffering=0) as file, LiveVideo(file) as live, caplog.at_level(logging.WARNING):
        shown = grays(live.runs(1))
    assert shown == pytest.approx([25, 30, 35, 35, 35, 50, 55, 60, 65, 70], abs=2)
    assert caplog.messages == ["frame 3 is lost or damaged; the one before it stands until a whole one comes"]


@pytest.fixture(scope="module")
def packets(tmp_path_factory) -> list[bytes]:
    """Of a stream of 120 noisy frames in MPEG-TS, which begins anew at frames 50 and 100."""
    path, random = tmp_path_factory.mktemp("live") / "a.ts", torch.Generator().manual_seed(0)
    still = torch.randint(40, 200, (3, 1, 32, 48), dtype=torch.uint8, generator=random)
    with path.open("wb", buffering=0) as file, LiveWriter(file, fps=25) as writer:
        writer.write(still + torch.randint(40, (3, 120, 32, 48), dtype=torch.uint8, generator=random))
    content = path.read_bytes()
    return [content[start : start + 188] for start in range(0, len(content), 188)]


def damaged(pipe, packets: list[bytes]) -> list[bool]:
    with LiveVideo(sent(pipe, b"".join(packets))) as live:
        return [frame is None for frame in live.each()]


def test_lost_packets_cost_no_time(pipe, packets):
    part = len(packets) // 12
    found = damaged(pipe, packets[: 6 * part] + packets[7 * part :])
    assert len(found) == 120 and 8 <= sum(found) <= 50 and not any(found[:40]) and not any(found[100:])


def test_a_stream_at_another_rate_than_it_says_has_no_gaps():
    said, uneven = _Gaps(Fraction(50)), _Gaps(Fraction(10))
    assert [said.before(index / 25, 0) for index in range(5)] == [0] * 5
    assert [uneven.before(time, 0) for time in (0, 0.1, 0.4, 0.52, 100, 100.1)] == [0, 0, 2, 0, 0, 0]
    assert [uneven.before(None, damaged) for damaged in (3, 0)] == [3, 0]


def test_a_stream_is_joined_at_its_next_beginning(pipe, packets):
    assert damaged(pipe, packets[len(packets) // 12 :]) == [False] * 70


def test_a_stream_that_breaks_off_ends_with_its_last_whole_frame(pipe, packets):
    found = damaged(pipe, [*packets[: len(packets) // 2], packets[len(packets) // 2][:100]])
    assert 55 <= len(found) <= 62 and not any(found)


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_one_sentence(pipe, content):
    with pytest.raises(InputError, match=r"standard input cannot be decoded as a video .*; pipe in a stream, such as"):
        LiveVideo(sent(pipe, content))
