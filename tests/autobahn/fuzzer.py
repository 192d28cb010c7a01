"""Autobahn's fuzzer (Python 2.7 only); `run` starts it: fuzzer.py client|server SPEC.json

The suite's own command, `wstest`, cannot pick a free port and opens the one it is given on every
address. It also counts a peer as failed that answers after a second, which on a busy machine
says nothing about the protocol.
"""

import json
import sys

from autobahntestsuite import fuzzing
from twisted.internet import reactor

# Ten times as long, but not beyond the 100 seconds that the slow cases already get.
TIMES = 10
ENOUGH = 100


def listen(factory, _context=None):
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    # The handshake compares the port in the Host field with these.
    factory.port = factory.externalPort = port.getHost().port
    print(factory.port)
    sys.stdout.flush()


def patient(timer):
    return lambda self, seconds: timer(self, max(seconds, min(seconds * TIMES, ENOUGH)))


fuzzing.listenWS = listen
protocol = fuzzing.FuzzingProtocol
# How long an answer may take; the pauses between a case's own frames (continueLater) stay.
protocol.killAfter = patient(protocol.killAfter.__func__)
protocol.closeAfter = patient(protocol.closeAfter.__func__)

with open(sys.argv[2]) as text:
    spec = json.load(text)
if sys.argv[1] == "client":
    fuzzing.startClient(spec)
else:
    fuzzing.startServer(spec, webport=0)
reactor.run()
