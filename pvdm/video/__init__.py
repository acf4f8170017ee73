"""Pixels in and out: clips read from files, videos written to files, and the ranges between."""

from pvdm.video.clip import ClipShape, read_clip
from pvdm.video.color import ColorJitter, change_colors
from pvdm.video.frame_folder import number_gap
from pvdm.video.info import FRAME_SUFFIXES, VIDEO_SUFFIXES, VideoInfo
from pvdm.video.pixels import to_float, to_uint8
from pvdm.video.reader import probe, read_frames
from pvdm.video.transform import resize_and_crop
from pvdm.video.writer import VideoWriter, write_video

__all__ = [
    "FRAME_SUFFIXES",
    "VIDEO_SUFFIXES",
    "ClipShape",
    "ColorJitter",
    "VideoInfo",
    "VideoWriter",
    "change_colors",
    "number_gap",
    "probe",
    "read_clip",
    "read_frames",
    "resize_and_crop",
    "to_float",
    "to_uint8",
    "write_video",
]
