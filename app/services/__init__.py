"""What a user can do: plain, blocking code over ports."""
