"""Sources of rows on the web, and the polite client that all of them ask through."""
