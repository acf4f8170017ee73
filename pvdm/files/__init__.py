"""Files that are whole or absent: atomic writing, safe pickles, weights recognized by digest."""
