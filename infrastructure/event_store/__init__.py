"""The event store: log recorders on top of the event-sourcing library, and the migrations."""
