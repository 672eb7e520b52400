"""Kural (குரல், "voice"): a phone line that turns spoken Tamil complaints into tickets.

A call flows one way, and the packages are listed in that order:

``worker``         answers a call and wires the parts below
``speech``         sound <-> words
``understanding``  words -> meaning
``conversation``   meaning -> the next thing to say
``tickets``        meaning -> a record that cannot be lost

Around them: ``recordings`` (what is kept as sound), ``complaint`` (plain data), ``tamil`` (the
language itself), ``settings``, ``errors``, ``observability`` (logs and metrics), ``control``
(health and supervision), ``scaling`` (how many machines, what they cost), ``callers`` (simulated
callers that prove all of it) and ``cli`` (the ``kural`` command).
"""
