"""Tables and summaries, made from stored trials alone."""
