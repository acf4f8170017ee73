from .checks import check_share, first_causes, long_enough
from .data_options import DataOptions, MixedSet
from .dataset import Augmentation, ClipDataset
from .description import DataCard
from .index import BadVideo, Index, Video, find_damage, index_videos
from .index_cache import IndexCache
from .layouts.folder import find_videos
from .layouts.layout_registry import GivenLayout, Layout, find_splits, layout_of
from .layouts.splits import Entry, Part, SceneOptions, SplitFolders, SplitOptions, Splits, split_by_file
from .sampler import EpochSampler, SampleKey
from .tracks.camera_path import CameraPath

__all__ = [
    "Augmentation",
    "BadVideo",
    "CameraPath",
    "ClipDataset",
    "DataCard",
    "DataOptions",
    "Entry",
    "EpochSampler",
    "GivenLayout",
    "Index",
    "IndexCache",
    "Layout",
    "MixedSet",
    "Part",
    "SampleKey",
    "SceneOptions",
    "SplitFolders",
    "SplitOptions",
    "Splits",
    "Video",
    "check_share",
    "find_damage",
    "find_splits",
    "find_videos",
    "first_causes",
    "index_videos",
    "layout_of",
    "long_enough",
    "split_by_file",
]
