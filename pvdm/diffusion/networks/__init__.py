"""The denoisers: the triplane U-Net, the joint transformer, and what both share."""
