"""The Inference tab: talk to any model, compare two, serve one."""
