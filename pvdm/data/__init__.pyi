from .checks import check_share, long_enough, some
from .dataset import Augmentation, ClipDataset
from .description import DataCard
from .index import BadVideo, Index, Video, find_damage, index_videos
from .index_cache import IndexCache
from .layouts.detection import GivenLayout, Layout, find_parts, layout_of
from .layouts.folder import SplitFolders, find_videos
from .layouts.splits import Entry, Part, Splits, split_by_file
from .sampler import EpochSampler, SampleKey

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
    "SampleKey",
    "SplitFolders",
    "Splits",
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
