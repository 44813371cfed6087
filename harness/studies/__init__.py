"""Studies: one file each, from a plan to measured rows."""
