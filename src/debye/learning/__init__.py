"""Learning: a network that maps charges and shape to the potential (torch).

`encode` says what the network sees and returns, `data` reads samples, `models` holds the networks, `train`
is the training loop with its resumable `state`, `begin` and `outputs` its two ends, `stop` what signals do to
it, `launch` and `world` its processes, `checkpoint` the file of a trained network, and `predict` applies it to
a data set. Nothing here knows how a sample was solved.
"""
