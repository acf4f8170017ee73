"""The layouts of data sets, a file each; `layout_registry.py` lists them and says how to add one."""
