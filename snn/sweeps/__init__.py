"""Many runs: the points of a grid, what is left of them, each in a directory of its own."""
