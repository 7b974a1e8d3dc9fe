// Responses over a WebSocket on a stream of HTTP/2 (RFC 8441), by node's http2 at both ends and
// frames by hand (RFC 6455, 5.2).
//
//     websocket.mjs serve DIR FIRST    on port 8444; its first answer has that number
//     websocket.mjs connect URL COUNT  so many answers in a row
import crypto from 'node:crypto';
import fs from 'node:fs';
import http2 from 'node:http2';

const CONTINUATION = 0, TEXT = 1, CLOSE = 8, PING = 9, FIN = 0x80, MASKED = 0x80;

function frame(first, payload, masked) {
    const length = payload.length < 126 ? Buffer.alloc(0) : Buffer.alloc(2);
    if (length.length)
        length.writeUInt16BE(payload.length);
    const mask = masked ? crypto.randomBytes(4) : Buffer.alloc(0);
    const small = length.length ? 126 : payload.length;
    return Buffer.concat([Buffer.from([first, small | (masked ? MASKED : 0)]), length, mask,
                          masked ? payload.map((byte, i) => byte ^ mask[i % 4]) : payload]);
}

/* Whole messages, of one frame or more; each frame is shorter than 64 KiB. */
function read(stream, said) {
    let bytes = Buffer.alloc(0), text = '';
    stream.on('data', (more) => {
        bytes = Buffer.concat([bytes, more]);
        for (;;) {
            const masked = bytes[1] & MASKED, wide = (bytes[1] & 127) === 126;
            const head = (wide ? 4 : 2) + (masked ? 4 : 0);
            if (bytes.length < head)
                return;
            const length = wide ? bytes.readUInt16BE(2) : bytes[1] & 127;
            if (bytes.length < head + length)
                return;
            const mask = bytes.subarray(head - 4, head);
            const payload = bytes.subarray(head, head + length);
            const first = bytes[0];
            bytes = bytes.subarray(head + length);
            if ((first & 15) > TEXT)
                continue;
            text += masked ? Buffer.from(payload.map((byte, i) => byte ^ mask[i % 4])) : payload;
            if (first & FIN) {
                said(JSON.parse(text));
                text = '';
            }
        }
    });
}

function answer(stream, number, model) {
    const response = { id: `resp_${number}`, object: 'response', model, usage: null, error: null };
    const usage = { input_tokens: 1000 + number,
                    input_tokens_details: { cached_tokens: 64 * number },
                    output_tokens: 300 + number, output_tokens_details: { reasoning_tokens: 0 },
                    total_tokens: 1300 + 2 * number };
    const send = (event) => {
        const text = Buffer.from(JSON.stringify(event));
        const half = text.length >> 1;
        stream.write(frame(TEXT, text.subarray(0, half)));
        stream.write(frame(FIN | PING, Buffer.from('still there?')));
        stream.write(frame(FIN | CONTINUATION, text.subarray(half)));
    };
    send({ type: 'response.created', response });
    for (let i = 0; i < 20; i++)
        send({ type: 'response.output_text.delta', delta: '"usage": '.repeat(i * 40) });
    send({ type: 'response.completed', response: { ...response, status: 'completed', usage } });
}

function serve(directory, first) {
    let number = Number(first);
    const server = http2.createSecureServer({
        key: fs.readFileSync(directory + '/server.key'),
        cert: fs.readFileSync(directory + '/server.pem'),
        settings: { enableConnectProtocol: true },
    });
    server.on('stream', (stream, headers) => {
        stream.respond({ ':status': headers[':protocol'] === 'websocket' ? 200 : 400 });
        read(stream, (asked) => answer(stream, number++, asked.model));
        stream.on('end', () => stream.end(frame(FIN | CLOSE, Buffer.from([3, 232]))));
    });
    server.listen(8444, '127.0.0.1');
}

function connect(url, count) {
    const session = http2.connect(url);
    session.on('remoteSettings', () => {
        const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket',
                                         ':path': '/v1/responses', 'sec-websocket-version': '13' });
        const ask = () => stream.write(frame(FIN | TEXT, Buffer.from(JSON.stringify({
            type: 'response.create', model: 'gpt-4o', input: 'x'.repeat(3000) })), true));
        stream.on('response', ask);
        read(stream, (event) => {
            if (event.type !== 'response.completed')
                return;
            console.log(event.response.id);
            if (--count > 0) {
                ask();
            } else {
                stream.end(frame(FIN | CLOSE, Buffer.from([3, 232]), true));
                session.close();
            }
        });
    });
}

({ serve, connect })[process.argv[2]](...process.argv.slice(3));
