"""Will this installation and this machine do? Each answer with its remedy.

Nothing here imports more than Python's own library, so that a broken installation can be looked at.
What has to be imported to be judged is imported by a process of its own.
"""
