"""Students whose every number is fixed point, by a definition of our own that hardware computes bit for bit."""
