"""What the world is: SQLite, processes, Docker, the Hub, the worker."""
