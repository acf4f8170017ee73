"""The demo: from real clips to a long generated video and a page that shows it."""
