"""The store on real SQLite files, and the sources of rows on real files and a small hub."""
