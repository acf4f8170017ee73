"""The page of `pvdm explain`: one clip, its planes, and noise on its way to a clip."""
