"""Stage 4, lanes -> requests: paced, in order per lane, intent before send, every outcome recorded.

`runner` keeps lanes open, `lane` walks one of them, `delivery` sends one message, `outcome` is the table
that says what an answer means, `conclusions` what it means for everybody. A message waits at the `gate`, in a
`queue`; for it `pacer`, `critical` (who must not wait), `adaptive`, `breaker`, `patience` and `limits` are
arithmetic. `stop` ends a run in good order.
"""
