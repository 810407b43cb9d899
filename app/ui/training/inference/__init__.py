"""Quick Local Inference: talk to what a run made, right under the run."""
