#!/bin/sh
# A Yosys that ends as FAKE says, for tests of what is done about it.
[ "$1" = -V ] && { echo "Yosys 0.70 (fake)"; exit 0; }
case "$FAKE" in
  error) echo "Reading."; echo "../design/rtl/squares.v:3: ERROR: syntax error, unexpected TOK_ID"; exit 1 ;;
  killed) kill -KILL $$ ;;
  trapped) printf "wasmtime._trap.Trap: error while executing\n\nCaused by:\n    wasm trap: call stack exhausted\n"; exit 1 ;;
  slow) sleep 30 ;;
  partial) printf '{"modules": {"squares"' > statistics.json; printf '{"mod' > netlist.json; : > netlist.v ;;
  nothing) : ;;
esac
