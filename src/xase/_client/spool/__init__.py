"""Captured decisions on their way: kept in one SQLite file until the server has acknowledged them.

`store` is the file, `lock` lets one process at a time deliver, `delivery` decides what an answer
means for a batch, `courier` is the thread, `outbox` what a client holds.

What survives: a captured decision is in the operating system's hands when `capture` returns, so
the end of the process, however sudden, loses nothing. A power cut or a crash of the operating system
may lose what was captured since the courier last began or tried a batch (usually the last few
milliseconds), never what was already being delivered, and never delivers anything twice.
"""
