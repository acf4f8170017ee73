from .card import DataCard
from .dataset import Augmentation, ClipDataset
from .folder import SplitFolders, find_videos
from .index import BadVideo, Index, Video, find_damage, index_videos
from .index_cache import IndexCache
from .layout import GivenLayout, Layout, find_parts, layout_of
from .parts import Entry, Part, Parts, split_by_file
from .sampler import EpochSampler, SampleKey
from .selection import check_share, long_enough, some

__all__ = [
    "Augmentation",
    "BadVideo",
    "ClipDataset",
    "DataCard",
    "Entry",
    "EpochSampler",
    "GivenLayout",
    "Index",
    "IndexCache",
    "Layout",
    "Part",
    "Parts",
    "SampleKey",
    "SplitFolders",
    "Video",
    "check_share",
    "find_damage",
    "find_parts",
    "find_videos",
    "index_videos",
    "layout_of",
    "long_enough",
    "some",
    "split_by_file",
]
