"""A stand-in platform on loopback: it takes standby messages as the documented API does, and keeps them.

It imports nothing else of `etl`: shared code would let one misreading of the API agree with itself.

`contract` is the request, strictly; `conversations` the rule that groups messages; `store` keeps what was
taken; `writer` makes storing durable before the answer; `app` speaks HTTP; `serve` runs it.
"""
