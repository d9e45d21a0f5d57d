"""Sources of signals: one file for each system. No source imports another."""
