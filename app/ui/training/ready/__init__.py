"""What a run will take and whether it can start, beside the form as it is typed."""
