"""The file name suffixes of videos and of frames, in lower case."""

VIDEO_SUFFIXES = (
    *(".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v", ".mp4v", ".qt", ".3gp", ".3g2", ".f4v", ".flv"),
    *(".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".mpv", ".m2p", ".vob", ".ts", ".mts", ".m2ts", ".m2t", ".tp", ".trp"),
    *(".wmv", ".asf", ".wtv", ".gxf", ".mxf", ".dv", ".rm", ".ogv", ".ogm", ".divx", ".xvid"),
    *(".nut", ".y4m", ".mjpeg", ".mjpg", ".ivf", ".gif", ".apng"),
)
TIFF_SUFFIXES = (".tif", ".tiff")
ARRAY_SUFFIXES = (".npy", ".npz")
SERIES_SUFFIXES = (*ARRAY_SUFFIXES, *TIFF_SUFFIXES)
"""Image series, whose values may have more than 8 bits; a TIFF file of one picture is a frame, not a series."""

WRITABLE = (".mp4", ".webm", ".gif", ".webp", *SERIES_SUFFIXES)
"""Suffixes that videos can be written with."""

ANIMATION_SUFFIXES = (".gif", ".apng")
"""Video suffixes of files that may hold a single picture or a preview of a video."""

FRAME_SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".avif"),
    *(".jp2", ".tga", ".ppm", ".pgm", ".pnm"),
)
OTHER_MEDIA_SUFFIXES = (
    *(".heic", ".heif", ".psd", ".jxl", ".svg", ".exr", ".hdr", ".xcf", ".eps", ".ai", ".ico", ".icns", ".dds"),
    *(".raw", ".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf", ".raf", ".rw2", ".pef", ".srw"),
    *(".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".amv", ".swf", ".rmvb"),
    *(".mod", ".tod", ".r3d", ".braw", ".ari", ".crm", ".insv", ".360", ".lrv", ".dav", ".bik", ".yuv"),
)
"""Other formats of videos and pictures, which cannot be read; such files are counted to warn about them."""
