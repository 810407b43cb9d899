"""Small pieces of screen that several tabs share."""
