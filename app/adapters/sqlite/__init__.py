"""The store: one SQLite file, written by any number of processes of the app."""
