"""How fast the parts of training and sampling are on this machine, and what bounds them."""
