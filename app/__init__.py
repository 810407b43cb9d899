"""Tunewright: the desktop studio for fine-tuning language models."""
