"""One module per command: each wires the stages and decides nothing itself."""
