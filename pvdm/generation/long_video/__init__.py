"""Videos of many clips: what keeps them from drifting, stages that overlap, clips sampled side by side."""
