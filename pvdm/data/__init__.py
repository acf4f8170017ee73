"""Data sets: finding videos, knowing which are good, and drawing clips from them in a reproducible order."""

from pvdm.data.card import DataCard
from pvdm.data.dataset import Augmentation, ClipDataset
from pvdm.data.folder import find_videos
from pvdm.data.index import BadVideo, Index, Video, find_damage, index_videos
from pvdm.data.index_cache import IndexCache
from pvdm.data.layout import Layout, find_parts
from pvdm.data.parts import Entry, Part, Parts, split_by_file
from pvdm.data.sampler import EpochSampler, SampleKey
from pvdm.data.selection import check_share, long_enough, some

__all__ = [
    "Augmentation",
    "BadVideo",
    "ClipDataset",
    "DataCard",
    "Entry",
    "EpochSampler",
    "Index",
    "IndexCache",
    "Layout",
    "Part",
    "Parts",
    "SampleKey",
    "Video",
    "check_share",
    "find_damage",
    "find_parts",
    "find_videos",
    "index_videos",
    "long_enough",
    "some",
    "split_by_file",
]
