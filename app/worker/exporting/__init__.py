"""Makes exports, in a process of its own: merging, converting, quantising, and running what came out."""
