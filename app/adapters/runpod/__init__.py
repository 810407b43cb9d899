"""Runpod: its REST interface by httpx, and by its SDK what only GraphQL knows.

The SDK is also called `runpod`; it is imported in `sdk.py` alone.
"""
