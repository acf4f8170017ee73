"""What runs in a browser: a page that plays and steers endless video while it is made, and studies of preferences."""
