"""The packet index survives packing, and tells which frames must be decoded."""

import numpy as np
import pytest

from pvdm.video import probe
from pvdm.video.decoding.packets import PacketIndex, packet_index


def index(times, keys, clock="pts") -> PacketIndex:
    times, keys = np.array(times, np.int64), np.array(keys, np.int64)
    return PacketIndex(clock, times, keys, times[keys] - 3)


@pytest.mark.parametrize("clock", ["pts", "dts", None])
@pytest.mark.parametrize(
    "times", [range(0, 5120, 512), [-7, 0, 33, 67, 100, 1 << 40, (1 << 40) + 1, 1 << 41, 1 << 42, 1 << 43]]
)
def test_packing_loses_nothing(times, clock):
    one = index(times, [0, 4, 9], clock)
    other = PacketIndex.unpack(one.pack())
    assert (other.clock, other.frames) == (clock, 10)
    for name in ("times", "keys", "seeks"):
        np.testing.assert_array_equal(getattr(other, name), getattr(one, name))


def test_an_hour_of_steady_frames_is_a_short_text():
    assert len(index(range(0, 90_000 * 512, 512), range(0, 90_000, 250)).pack()) < 2000


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '["pts"]', '["pts", "a", "b", "c"]', '["pts", "AAAA", "AAAA", 3]']
)
def test_other_texts_unpack_to_none(text):
    assert PacketIndex.unpack(text) is None


def test_decoding_begins_at_the_last_entry_point_before_a_frame():
    one = index(range(40), [0, 12, 24])
    assert one.runs(np.array([3, 11, 12, 30, 39])) == [(0, [3, 11, 12]), (2, [30, 39])]
    assert one.decoded(np.array([30])) == 7
    assert one.decoded(np.array([3, 11, 12, 30, 39])) == 13 + 16
    assert one.decoded(np.arange(20, 36)) == 24


def test_the_index_is_that_of_the_file(make_video):
    path = make_video("a.mp4", g="10", bf="0", sc_threshold="0")
    found = PacketIndex.unpack(probe(path).index)
    assert found.frames == 40 and found.keys.tolist() == [0, 10, 20, 30]
    np.testing.assert_array_equal(found.times, packet_index(path).times)
