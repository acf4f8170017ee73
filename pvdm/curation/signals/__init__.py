"""Motion, stillness and quality of clips, from one decoding pass."""
