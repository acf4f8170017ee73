"""Data sets: finding videos, splitting them, and drawing clips from them in a reproducible order."""

from pvdm.data.dataset import ClipDataset, Video, index_videos
from pvdm.data.folder import Split, find_split, find_videos, split_by_file
from pvdm.data.sampler import EpochSampler, SampleKey

__all__ = [
    "ClipDataset",
    "EpochSampler",
    "SampleKey",
    "Split",
    "Video",
    "find_split",
    "find_videos",
    "index_videos",
    "split_by_file",
]
