"""A folder of pictures, each of which is a video that stands still."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from pvdm.data.layouts.folder import FolderContent, check_folder, counted, divided, splits_of, suffixes_of, walk
from pvdm.data.layouts.splits import SplitOptions, Splits
from pvdm.errors import InputError
from pvdm.video.suffixes import FRAME_SUFFIXES, OTHER_MEDIA_SUFFIXES, VIDEO_SUFFIXES


def find_pictures(root: Path, options: SplitOptions = SplitOptions()) -> Splits:
    """Each picture file at any depth is an entry; the splits are those of the layout `folder`.

    Videos and animations among them are left out. `InputError` as of `find_folder`.
    """
    root = check_folder(root)
    pictures, unread, videos = [], Counter(), Counter()
    for folder, names in walk(root):
        pictures += [folder / name for name in names if name.lower().endswith(FRAME_SUFFIXES)]
        unread.update(suffixes_of(names, OTHER_MEDIA_SUFFIXES))
        videos.update(suffixes_of(names, VIDEO_SUFFIXES))
    if not pictures:
        others = unread + videos
        but = f" that can be read, but {counted(others)}" if others else ""
        raise InputError(
            f"{root} holds no pictures{but}",
            f"put picture files ({', '.join(FRAME_SUFFIXES[:3])}, ...) into it, or choose the layout folder for videos",
        )
    content = FolderContent(sorted(pictures), unread)
    splits = splits_of(divided(content, root, options.folders), content, root, options)
    notes = (f"left out: {counted(videos)} (no pictures)",) if videos else ()
    return replace(splits, left_out=dict(sorted((unread + videos).items())), notes=(*notes, *splits.notes))
