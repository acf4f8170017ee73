"""What runs the tasks of curation: processes of this machine, or a Ray cluster."""
