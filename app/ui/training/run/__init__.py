"""The run view: what one run reports, what it means, and what can be done."""
