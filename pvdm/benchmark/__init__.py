"""The benchmark of the paper's tables on UCF101 and SkyTimelapse, and its report."""
