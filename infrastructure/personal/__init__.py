"""Personal data: its keys, stored outside PostgreSQL; who read it; and whose it is."""
