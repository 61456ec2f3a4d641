"""The search: which student, at how many bits, for which budget; trials of one project, told apart by its options."""
