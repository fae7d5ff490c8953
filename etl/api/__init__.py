"""The HTTP client: message -> request, answer -> exchange. The only package that knows httpx.

It never retries, never follows a redirect, never uses a proxy, and says of every failure whether a byte
of the request may have left: only the transport knows, and the ledger's promise rests on it.
"""
