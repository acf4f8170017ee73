"""The search for clips that show the same, on drawn pictures and on hashes of known distances."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pvdm.curation.duplicates import hash_tables, picture_hash
from pvdm.curation.duplicates.duplicate_search import find_duplicates
from pvdm.curation.duplicates.hashed_clip import RATE, HashedClip, clip_hashes
from pvdm.curation.duplicates.picture_hash import FLAT, distance, mirrored, thumbnail


def picture(seed: int, height: int = 180, width: int = 320) -> np.ndarray:
    """(h, w) uint8: gray clouds."""
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    clouds = cv2.GaussianBlur(noise, (0, 0), 20) + 0.02 * noise
    return np.clip(128 + 50 * clouds / clouds.std(), 0, 255).astype(np.uint8)


def hashed(gray: np.ndarray) -> np.uint64:
    return picture_hash.picture_hash(thumbnail(gray))


def test_a_hash_of_a_mirrored_picture_is_the_mirrored_hash():
    for seed in range(5):
        assert hashed(picture(seed)[:, ::-1].copy()) == mirrored(hashed(picture(seed)))


def test_the_hash_survives_what_copies_do_and_differs_for_others():
    gray = picture(0)
    half = cv2.resize(gray, (160, 90), interpolation=cv2.INTER_AREA)
    _, coded = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 20])
    brighter = np.clip(gray.astype(int) + 15, 0, 255).astype(np.uint8)
    for copy in (half, cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), brighter):
        assert distance(hashed(gray), hashed(copy)) <= 4
    others = [int(distance(hashed(gray), hashed(picture(seed)))) for seed in range(1, 9)]
    assert min(others) > 16


def test_flat_pictures_are_marked():
    flat = np.full((90, 160), 90, np.uint8)
    assert hashed(flat) == FLAT
    assert mirrored(np.array([FLAT]))[0] == FLAT


def test_distances_count_bits_on_every_numpy():
    a, b = np.random.default_rng(0).integers(0, 1 << 64, (2, 3, 7), dtype=np.uint64)
    expected = [
        [bin(int(x) ^ int(y)).count("1") for x, y in zip(*rows, strict=True)] for rows in zip(a, b, strict=True)
    ]
    np.testing.assert_array_equal(distance(a, b), expected)
    np.testing.assert_array_equal(picture_hash._count_by_tables(a ^ b), expected)


def test_hashes_are_those_of_the_frames_nearest_in_time():
    seconds = np.array([5.0, 5.1, 5.14, 5.3, 5.5, 5.8, 9.0])
    arrays = {"frame_number": np.arange(10, 17), "frame_seconds": seconds, "frame_hash": np.arange(7, dtype=np.uint64)}
    ticks = 5 + np.arange(7) / RATE  # to 5.75 s
    expected = [int(np.abs(seconds[:6] - tick).argmin()) for tick in ticks]
    assert clip_hashes(arrays, 10, 15).tolist() == expected
    assert clip_hashes(arrays, 16, 16).tolist() == [6]


def film(seed: int, length: int = 60, step: float = 0.04) -> np.ndarray:
    """(n,) uint64: hashes of which each differs from the one before in a share of bits."""
    draw = np.random.default_rng(seed)
    bits = draw.random((length, 64)) < step
    bits[0] = draw.random(64) < 0.5
    return packed(np.cumsum(bits, axis=0) % 2 == 1)


def packed(bits: np.ndarray) -> np.ndarray:
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").ravel().astype(np.uint64)


def noisy(hashes: np.ndarray, seed: int, share: float = 0.03) -> np.ndarray:
    return hashes ^ packed(np.random.default_rng(seed).random((len(hashes), 64)) < share)


def clip(name: str, hashes: np.ndarray, height: int = 360) -> HashedClip:
    return HashedClip(name, hashes, height, height * 16 // 9, len(hashes) / RATE)


@pytest.fixture
def others() -> list[HashedClip]:
    return [clip(f"other {seed}", film(seed)) for seed in range(100, 160)]


COPIES = {
    "the same": lambda hashes: hashes,
    "noisy": lambda hashes: noisy(hashes, 1),
    "mirrored": lambda hashes: noisy(mirrored(hashes), 2),
    "without its start": lambda hashes: noisy(hashes[17:], 3),
    "without its end": lambda hashes: noisy(hashes[:-20], 4),
    "without either, mirrored": lambda hashes: noisy(mirrored(hashes[8:-9]), 5),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("step", [0, 0.04], ids=["still", "moving"])
def test_copies_are_found_among_others(others, change, step):
    original = film(0, step=step)
    found = find_duplicates([clip("copy", change(original), 180), *others, clip("original", original)])
    assert found == ["original"] + [None] * (len(others) + 1)


def test_kept_is_the_largest_then_the_longest_then_the_first_by_id():
    whole = film(0)
    clips = [clip("b", whole[:-5]), clip("c", whole), clip("a", whole), clip("small", np.tile(whole, 1), 180)]
    assert find_duplicates(clips) == ["a", "a", None, "a"]
    assert find_duplicates([*clips, clip("large", whole[4:50], 720)]) == ["large"] * 4 + [None]


def test_clips_of_another_catalogue_are_kept_whatever_their_size(others):
    test = [clip("test", film(0)[5:50], 64), clip("the same test", film(0)[5:50], 64)]
    assert find_duplicates([clip("large", film(0), 720), *others], test) == ["test"] + [None] * len(others)


def test_parts_of_a_small_long_clip_that_do_not_overlap_are_all_kept():
    whole = film(0, 120)
    clips = [clip("first", whole[:50], 720), clip("second", whole[70:], 720), clip("long", whole, 180)]
    assert find_duplicates(clips) == [None, None, "first"]


def test_many_copies_and_many_alike_are_grouped(monkeypatch):
    """More copies than neighbors are compared with, tables in blocks."""
    monkeypatch.setattr(hash_tables, "BLOCK", 1000)
    copies = [clip(f"copy {seed:03}", noisy(film(0), seed, 0.02), 180) for seed in range(80)]
    found = find_duplicates([*copies, clip("original", film(0))])
    assert found == ["original"] * 80 + [None]


def test_overlapping_ends_are_no_duplicates():
    whole = film(0, 100)
    assert find_duplicates([clip("a", whole[:60]), clip("b", whole[40:])]) == [None, None]


def test_stills_are_told_by_their_one_picture():
    original = film(0, step=0)
    near, far = (original ^ np.uint64(bits) for bits in (0b10010, 0b1011011000101))
    assert find_duplicates([clip("a", original), clip("b", near), clip("c", far)]) == [None, "a", None]


def test_takes_that_begin_alike_are_no_duplicates():
    background = film(0, step=0)
    takes = [clip(name, background ^ moves ^ moves[0]) for name, moves in (("a", film(1)), ("b", film(2)))]
    assert find_duplicates(takes) == [None, None]


def test_flat_pictures_prove_nothing():
    black = np.full(40, FLAT)
    half_black = np.concatenate([black, film(1, 3)]), np.concatenate([black, film(2, 3)])
    assert find_duplicates([clip("a", black), clip("b", black)]) == [None, None]
    assert find_duplicates([clip("a", half_black[0]), clip("b", half_black[1])]) == [None, None]


def test_nothing_is_found_among_none_and_one():
    assert find_duplicates([]) == []
    assert find_duplicates([clip("a", film(0))]) == [None]
    assert find_duplicates([clip("empty", np.empty(0, np.uint64)), clip("a", film(0))]) == [None, None]
