"""Service clocks: business calendars, the terms that a clock is pinned to, and the clock itself."""
