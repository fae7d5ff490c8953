"""A stand-in platform on loopback: it takes standby messages as the documented API does, and keeps them.

It imports nothing else of `etl`: shared code would let one misreading of the API agree with itself.

`body` reads requests, `contract` models them, strictly; `conversations` is the rule that groups messages;
`store` keeps what was taken, `users` what is known of users; `writer` makes storing durable before answers.
`profiles` are readings of the documentation, `faults` and `quota` trouble, and `conduct` is what was asked of
them; `answers` is what they make of an answer, `wire` how to give none. `messages`, `handover`, `triggers`,
`reports`, `consumption` and `admin` are endpoints; `app` puts them together, `serve` runs it, and `control`
speaks to one that runs.
"""
