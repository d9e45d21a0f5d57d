"""Look-ups: checks of an arriving order against data outside its own signals."""
