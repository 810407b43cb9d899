"""Merges out of core on SQLite: a working file of a hash a row; the texts stay where they are."""
