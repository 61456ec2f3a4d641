"""A finished project as one archive that others can build, run and verify."""

from hls.package.contents import Finished, package
from hls.package.verification import Check, Verification, verify

__all__ = ["Check", "Finished", "Verification", "package", "verify"]
