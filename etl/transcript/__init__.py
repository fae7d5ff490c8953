"""Optional stage between source and normalize: one row per conversation -> one row per message.

`salesforce`, `zendesk_chat` and `amazon_connect` read one cell each and are pure: text in, entries or a
`Flaw` out, whatever the text. `unfold` makes rows of the entries; `looks` notices whole conversations in
the text column of a job that names no parser.
"""
