"""Sources of signals, one module or package for each system. No source imports another."""
