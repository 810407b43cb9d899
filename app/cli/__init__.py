"""The same services without a window: every verb prints for people, or JSON with `--json`."""
