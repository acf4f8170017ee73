"""The studio: a server whose page plays and steers endless video while it is made."""
