"""PostgreSQL: the embedded server, its account and binaries, databases and roles."""
