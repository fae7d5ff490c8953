"""The Inbox of the stand-in platform: pages that show what was taken, for a browser on this machine.

Nothing on a page comes from another origin, nothing is built, and without its script everything but the
live update works. Reading takes no part in writing: pages have connections of their own, and what needs the
whole history (order, doubles, counts by day) is tallied beside the store, batch by batch.

`filters`, `chart`, `zones` and `text` are pure; `queries` reads the store, and `found` is what comes of it;
`tally` judges arrivals; `refusals` remembers what was refused; `access` lets a browser in; `pages` gathers
what `views` fills the templates with; `routes` speaks HTTP.
"""
