"""A cocotb testbench of a design, to be extended."""
