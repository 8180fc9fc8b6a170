"""The index of calls: finds past calls by what is known of them, and those of other instances.

It is made of the records (`call.json`) and can be made of them again at any time: nothing is lost
with it. SQLite beside the records by default; PostgreSQL where several instances share one.
"""

from voiced.index.index import CallIndex, open_index
from voiced.index.query import CallQuery, Page

__all__ = ["CallIndex", "CallQuery", "Page", "open_index"]
