"""Collect from the web: what to ask of whom, how it goes, and what was collected before."""
