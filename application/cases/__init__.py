"""Commands on cases, the decision trail of a case, and its state at an earlier time."""
