"""The layouts of data sets, a file each; `registry.py` lists them and says how to add one."""
