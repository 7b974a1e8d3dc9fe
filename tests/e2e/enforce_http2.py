"""A provider on port 8443 that answers over HTTP/2 in three seconds, with more than a client takes
without a word (RFC 9113: 65,535 bytes). A line to stdout a request. Arguments: the folder with the
certificate, bytes of the answer."""
import pathlib
import socket
import ssl
import sys
import threading
import time

import h2.config
import h2.connection
import h2.events


def answer(tls, link, stream, left):
    while left and (room := link.local_flow_control_window(stream)):
        size = min(room, 10_000, left, link.max_outbound_frame_size)
        left -= size
        link.send_data(stream, b' ' * size, end_stream=not left)
        tls.sendall(link.data_to_send())
        time.sleep(0.1)
    return left


def serve(raw, context, size):
    link = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    left = stream = 0
    try:
        with context.wrap_socket(raw, server_side=True) as tls:
            link.initiate_connection()
            tls.sendall(link.data_to_send())
            while data := tls.recv(65536):
                for event in link.receive_data(data):
                    if isinstance(event, h2.events.StreamEnded):
                        print('request', flush=True)
                        left, stream = size, event.stream_id
                        link.send_headers(stream, [(':status', '200')])
                left = answer(tls, link, stream, left)
                tls.sendall(link.data_to_send())
    except OSError:
        pass


def main(folder, size):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / 'server.pem', folder / 'server.key')
    context.set_alpn_protocols(['h2'])
    listener = socket.create_server(('127.0.0.1', 8443))
    print('ready', flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0], context, size),
                         daemon=True).start()


if __name__ == '__main__':
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
