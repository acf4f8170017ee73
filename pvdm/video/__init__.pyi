from .clip import ClipShape, read_clip
from .color import ColorJitter, change_colors
from .decoding.frame_folder import number_gap
from .info import VideoInfo
from .paced_video import PacedVideo, frames_at, read_video
from .pixels import check_pixels, to_float, to_uint8
from .reader import Reader, probe, read_frames, read_picture
from .suffixes import FRAME_SUFFIXES, VIDEO_SUFFIXES, WRITABLE
from .transform import resize_and_crop
from .writer import VideoWriter, grid_video, near_square, save_video, write_video

__all__ = [
    "FRAME_SUFFIXES",
    "VIDEO_SUFFIXES",
    "WRITABLE",
    "ClipShape",
    "ColorJitter",
    "PacedVideo",
    "Reader",
    "VideoInfo",
    "VideoWriter",
    "change_colors",
    "check_pixels",
    "frames_at",
    "grid_video",
    "near_square",
    "number_gap",
    "probe",
    "read_clip",
    "read_frames",
    "read_picture",
    "read_video",
    "resize_and_crop",
    "save_video",
    "to_float",
    "to_uint8",
    "write_video",
]
