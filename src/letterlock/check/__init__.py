"""A target → its endpoints → facts → findings."""
