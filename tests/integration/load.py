# SPDX-License-Identifier: Apache-2.0
"""A strict client: keep-alive connections that count every request which got no whole 200."""

import selectors
import socket
import threading
import time


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""


class Load:
    """`connections` of them at once, each with one request in flight, until stop()."""

    def __init__(self, port, connections=64, path="/"):
        self.request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self.port, self.n = port, connections
        self.served = self.reset = 0
        self.failed = []  # status lines of what was no 200
        self.bodies = set()
        self.slowest = 0.0
        self.ending = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.ending = True
        self.thread.join()

    def _send(self, connection):
        connection.since = time.monotonic()
        connection.socket.sendall(self.request)

    def _take(self, connection):
        """Whether a whole answer is there; takes it out of the buffer."""
        head, found, rest = connection.buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        lines = head.split(b"\r\n")
        length = next(int(l.split(b":")[1]) for l in lines if l.lower().startswith(b"content-length:"))
        if len(rest) < length:
            return False
        connection.buffer = rest[length:]
        if lines[0] == b"HTTP/1.1 200 OK":
            self.served += 1
            self.bodies.add(rest[:length].decode())
        else:
            self.failed.append((lines[0] + b" " + rest[:length]).decode())
        self.slowest = max(self.slowest, time.monotonic() - connection.since)
        return True

    def _run(self):
        selector = selectors.DefaultSelector()
        live = self.n
        for _ in range(self.n):
            connection = Connection(self.port)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._send(connection)
        while live:
            for key, _ in selector.select(1):
                connection = key.data
                try:
                    data = connection.socket.recv(65536)
                    connection.buffer += data
                    ending = self.ending
                    whole = self._take(connection)
                    if whole and not ending:
                        self._send(connection)
                except OSError:
                    data, whole, ending = b"", False, True
                if not data:
                    self.reset += 1
                if not data or (whole and ending):
                    selector.unregister(connection.socket)
                    connection.socket.close()
                    live -= 1
