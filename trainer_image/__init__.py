"""The trainer: what runs on the machine that computes. Runs with nothing of `app` present."""
