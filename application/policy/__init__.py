"""Policy: governance, simulation, and repeating recorded decisions."""
