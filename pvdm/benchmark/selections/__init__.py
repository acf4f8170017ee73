"""`pvdm curate compare`: the same model, trained on different selections of clips, for people to judge."""
