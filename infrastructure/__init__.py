"""Where things are kept and where signals come from."""
