"""The vocabulary: frozen types that the rooms hand to each other; the standard library only."""
