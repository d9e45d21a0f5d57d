"""Where the log is kept: recorders over the library's, and the schema's migrations."""
