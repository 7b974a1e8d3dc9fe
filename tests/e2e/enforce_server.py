"""A provider that counts who comes through."""
import collections
import json
import socket
import ssl
import threading
import time

from enforce_clients import MODEL

ANSWER = json.dumps({
    'id': 'x', 'object': 'chat.completion', 'model': MODEL,
    'choices': [{'index': 0, 'message': {'role': 'assistant', 'content': 'so ' * 100},
                 'finish_reason': 'stop'}],
    'usage': {'prompt_tokens': 1000, 'completion_tokens': 100, 'total_tokens': 1100}}).encode()


class Server:
    """Counts connections that said anything at all, and the requests of each client."""

    def __init__(self, world, reply=lambda body: ANSWER):
        self.reply = reply
        self.hellos, self.requests, self.open = 0, [], collections.Counter()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(world.dir / 'server.pem', world.dir / 'server.key')
        self.listener = socket.create_server(('127.0.0.1', 443), backlog=1000)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            raw = self.listener.accept()[0]
            threading.Thread(target=self.serve, args=(raw,), daemon=True).start()

    def serve(self, raw):
        names = set()
        try:
            if raw.recv(1, socket.MSG_PEEK):
                self.hellos += 1
            with self.context.wrap_socket(raw, server_side=True) as tls:
                tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while self.answer(tls, tls.makefile('rb'), names):
                    pass
        except OSError:
            pass
        self.open.subtract(names)

    def answer(self, tls, lines, names):
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            line = lines.readline()
            if not line:
                return False
            head += line
        fields = dict(line.lower().split(': ', 1) for line in
                      head.decode().split('\r\n')[1:] if ': ' in line)
        body = lines.read(int(fields.get('content-length', 0)))
        self.requests.append(fields.get('x-who'))
        if not names:
            names.add(fields.get('x-who'))
            self.open.update(names)
        if b'"stream": true' in body:
            self.stream(tls)
            return True
        said = self.reply(body)
        tls.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
                    b'Content-Length: %d\r\n\r\n' % len(said) + said)
        return True

    @staticmethod
    def stream(tls):
        """Ten events in three seconds."""
        tls.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'
                    b'Transfer-Encoding: chunked\r\n\r\n')
        for number in range(10):
            event = b'data: {"id":"x","model":"%s","choices":[],"n":%d}\n\n' % (
                MODEL.encode(), number)
            tls.sendall(b'%x\r\n%s\r\n' % (len(event), event))
            time.sleep(0.3)
        tls.sendall(b'0\r\n\r\n')
