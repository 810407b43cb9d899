"""Runs on rented pods: ordered, fed, watched, brought home, ended and surely gone."""
