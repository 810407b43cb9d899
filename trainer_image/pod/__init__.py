"""What runs first in a rented pod: trains one run, answers the app, ends the pod. Standard library only.

The wire and the rules: docs/decisions/0023-the-pods-agent.md
"""
