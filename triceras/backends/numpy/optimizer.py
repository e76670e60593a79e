"""Optimizers gain nothing of their own here."""
