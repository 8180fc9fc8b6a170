"""The dashboard: what is going on, call by call, and what went on in calls that have ended.

    calls ──journal events──► board ──what changed──► audience ──a few times a second──► browsers
                              talk, day               rows and panels, made once for all

Nothing of it is on the frame path: `Board.note` keeps a few numbers, everything else happens in the
tasks of the admin listener. Pages are rendered here (`html`, `templates`), are kept up to date by
one stream of server-sent events for each browser, and use nothing but the files in `assets`.
"""
