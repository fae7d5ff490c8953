"""Stage 4, lanes -> requests: paced, in order per lane, intent before send, every outcome recorded.

`runner` keeps lanes open, `lane` walks one of them, `delivery` sends one message, `outcome` is the table
that says what an answer means, `pacer` and `breaker` are arithmetic, `stop` ends a run in good order.
"""
