"""Policy: governance, simulation, and reperformance of recorded decisions."""
