"""Where a network is wrong: errors by distance from the interface, figures of them, and the report."""
