"""Replay a helpdesk history into Certainly as standby messages, with exact accounting.

The data flow, each arrow one folder, each folder knowing only the values that cross the arrows::

    files --source--> row batches --normalize--> message batches (+ rejects)
          --plan--> lanes --replay--> requests (api) --> outcomes (ledger) --report--> people

`pipeline` wires the stages for each command, `cli` is its face, `config` its job file, `model` holds
the values that stages share, and `sandbox` is a stand-in platform that shares no code with the client.
"""

__version__ = "0.1.0"
