"""The two ends of the road that are the same for every task: pictures in, results out."""
