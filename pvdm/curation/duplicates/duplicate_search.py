"""Which clips show the same as others: exact, re-encoded, rescaled, mirrored and trimmed copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pvdm.curation.duplicates.clip_alignment import ClipHashes
from pvdm.curation.duplicates.hash_tables import TABLES, colliding
from pvdm.curation.duplicates.hashed_clip import HashedClip


def find_duplicates(clips: Sequence[HashedClip], against: Sequence[HashedClip] = ()) -> list[str | None]:
    """The id of the clip that each of `clips` repeats and that is kept in its place; None for those that are kept.

    Kept is the clip with the largest picture, of these the longest, of these the first by id. Clips of `against`, such
    as a test set, come before all others and are never named as duplicates themselves. A clip repeats another if
    nearly all of the shorter one lies in the longer. Each duplicate repeats the clip that is named for it directly:
    two parts of a longer clip with a smaller picture that do not overlap are both kept.

    Cost grows with the number of hashes (eight a second), not with its square. 100,000 clips of 6 s took 17 CPU seconds
    and 0.4 GB; a million take about ten times as long, and by the arrays' sizes some 1.5 GB.
    """
    order = sorted(range(len(clips)), key=lambda index: _preference(clips[index]))
    ranked = [*against, *(clips[index] for index in order)]
    claimed_by = _claims(ClipHashes([clip.hashes for clip in ranked]), len(against))
    found: list[str | None] = [None] * len(clips)
    for rank, index in enumerate(order, len(against)):
        if claimed_by[rank] >= 0:
            found[index] = ranked[claimed_by[rank]].id
    return found


def _preference(clip: HashedClip) -> tuple[int, float, str]:
    return -clip.height * clip.width, -clip.seconds, clip.id


def _claims(hashes: ClipHashes, given: int) -> np.ndarray:
    """(clips,) int: the rank of the kept clip that claims each one, -1 for kept ones; the first `given` are kept."""
    claimed_by = np.full(len(hashes), -1)
    for better, worse in _links(hashes, given).tolist():  # by rank of the better: whether it is kept is known by now
        if claimed_by[better] < 0 and claimed_by[worse] < 0:
            claimed_by[worse] = better
    return claimed_by


def _links(hashes: ClipHashes, given: int) -> np.ndarray:
    """(k, 2): ranks (better, worse) of clips that show the same, sorted."""
    links = np.empty((0, 2), np.int64)
    for table in range(TABLES):
        for candidates in colliding(hashes, table):
            new = candidates[(candidates[:, 1] >= given) & ~_contained(candidates[:, :2], links)]
            links = np.unique(np.concatenate([links, hashes.same(new)]), axis=0)
    return links


def _contained(pairs: np.ndarray, links: np.ndarray) -> np.ndarray:
    """(n,) bool: which of the pairs (n, 2) are in links (k, 2)."""
    return np.isin(pairs[:, 0] << 32 | pairs[:, 1], links[:, 0] << 32 | links[:, 1])
