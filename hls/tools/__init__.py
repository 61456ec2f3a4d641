"""EDA programs: one way to find and run them, and one file for each vendor's."""

from hls.tools.tool import Finished, Program, Tool, execute, find, run

__all__ = ["Finished", "Program", "Tool", "execute", "find", "run"]
