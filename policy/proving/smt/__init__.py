"""Conditions as formulas: what is true of every token, decided by a solver in its own process."""
