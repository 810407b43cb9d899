"""What people see. The only part that knows Flet."""
