"""Which files count as videos and which as frames, by the ends of their names, in lower case."""

VIDEO_SUFFIXES = (
    *(".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v", ".mp4v", ".qt", ".3gp", ".3g2", ".f4v", ".flv"),
    *(".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".mpv", ".m2p", ".vob", ".ts", ".mts", ".m2ts", ".m2t", ".tp", ".trp"),
    *(".wmv", ".asf", ".wtv", ".gxf", ".mxf", ".dv", ".rm", ".ogv", ".ogm", ".divx", ".xvid"),
    *(".nut", ".y4m", ".mjpeg", ".mjpg", ".ivf", ".gif", ".apng"),
)
WRITABLE = (".mp4", ".webm", ".gif", ".webp")
"""Of the video files that can be written."""

ANIMATION_SUFFIXES = (".gif", ".apng")
"""Those of VIDEO_SUFFIXES that may hold a single picture or a preview of a video."""

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
"""What a person takes for a video or a frame and is not read here; such files are counted."""
