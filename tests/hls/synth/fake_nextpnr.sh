#!/bin/sh
# A nextpnr whose design does not fit, or that fails in the way that FAKE says.
[ "$1" = --version ] && { echo "nextpnr-ecp5 -- Next Generation Place and Route (Version 0.7)"; exit 0; }
case "$FAKE" in
  too_large) cat "$TOO_LARGE"; exit 125 ;;
  error) echo "ERROR: Failed to open '--json' file"; exit 125 ;;
  nothing) : ;;
esac
