"""The second process, the only part of the app that loads torch."""
