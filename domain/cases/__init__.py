"""Exception cases: one problem of one order, from detection to resolution."""
