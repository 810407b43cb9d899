"""The made-up islands behind the sample session and the tiny model, and the texts about them."""
