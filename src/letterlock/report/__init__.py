"""The same results as terminal text, JSON or a diff, from model types alone."""
