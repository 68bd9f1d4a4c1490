"""How a statement reaches the server and a row comes back; this package knows no table."""
