#!/usr/bin/env python3
"""The observed programs: curl, Python's http.client and OpenAI's SDK, as anybody would use them.

    clients.py http|sdk   reads calls (JSON, one a line) from stdin, makes them in order and prints
                          what it saw of each (JSON, one a line): status, id, sha256 of the content
A call: {"host", "model", "stream", "case", "fresh"}; "fresh": on a new connection. For curl, which
is no Python, curl_command() gives the words."""
import http.client
import json
import os
import sys

HEADERS = {'content-type': 'application/json'}


def path_of(call):
    return '/v1/models' if call.get('model') is None else '/v1/chat/completions'


def body_of(call, prompt):
    body = {'model': call['model'], 'messages': [{'role': 'user', 'content': prompt}]}
    if call.get('stream'):
        body |= {'stream': True}
        if call.get('include_usage', True):
            body['stream_options'] = {'include_usage': True}
    return json.dumps(body)


def seen(status, response_id):
    print(json.dumps({'status': status, 'id': response_id}), flush=True)


def curl_command(calls, prompt, key):
    """One curl process: it keeps its connection from call to call where it can."""
    words = ['curl', '--silent', '--show-error']
    for number, call in enumerate(calls):
        if number:
            words += ['--next', '--silent', '--show-error']
        words += ['--http2' if call.get('h2') else '--http1.1']
        words += ['--max-time', '20', '--header', 'authorization: Bearer ' + key,
                  '--write-out', '\n%{http_code} %{num_connects}\n', *call.get('curl', [])]
        if call.get('case'):
            words += ['--header', 'x-case: ' + call['case']]
        if call.get('model'):
            words += ['--header', 'content-type: application/json', '--data', body_of(call, prompt)]
        words.append(f'https://{call["host"]}{path_of(call)}')
    return words


def stream_id(body):
    lines = [line for line in body.decode().split('\n\n') if line.startswith('data: {')]
    return json.loads(lines[0][6:])['id'] if lines else None


def main_http(calls, prompt, key):
    connections = {}
    for call in calls:
        if call.get('fresh') and call['host'] in connections:
            connections.pop(call['host']).close()
        connection = connections.setdefault(
            call['host'], http.client.HTTPSConnection(call['host'], timeout=20))
        headers = {**HEADERS, 'authorization': 'Bearer ' + key}
        if call.get('case'):
            headers['x-case'] = call['case']
        if call.get('gzip'):
            headers['accept-encoding'] = 'gzip'
        try:
            if call.get('model'):
                connection.request('POST', path_of(call), body_of(call, prompt), headers)
            else:
                connection.request('GET', path_of(call), headers=headers)
            response = connection.getresponse()
            body = response.read()
            if call.get('gzip') or not call.get('model'):
                seen(response.status, None)
            else:
                seen(response.status, stream_id(body) if call.get('stream')
                     else json.loads(body).get('id'))
        except (http.client.HTTPException, OSError, ValueError) as error:
            seen(type(error).__name__, None)
            connections.pop(call['host']).close()


def main_sdk(calls, prompt, key):
    import openai

    def client_of(call):
        return openai.OpenAI(api_key=key, base_url=f'https://{call["host"]}/v1',
                             max_retries=call.get('retries', 0), timeout=20)
    clients = {}
    for call in calls:
        if call.get('fresh'):
            clients.pop(call['host'], None)
        client = clients.setdefault(call['host'], None) or client_of(call)
        clients[call['host']] = client
        more = {'extra_headers': {'X-Case': call['case']}} if call.get('case') else {}
        if call.get('stream'):
            more |= {'stream': True, 'stream_options': {'include_usage': True}}
        try:
            answer = client.with_options(max_retries=call.get('retries', 0)) \
                .chat.completions.create(
                    model=call['model'], messages=[{'role': 'user', 'content': prompt}], **more)
            if call.get('stream'):
                ids = {chunk.id for chunk in answer}
                seen(200, ids.pop() if len(ids) == 1 else None)
            else:
                seen(200, answer.id)
        except openai.APIStatusError as error:
            seen(error.status_code, None)
        except openai.OpenAIError as error:
            seen(type(error).__name__, None)


if __name__ == '__main__':
    todo = [json.loads(line) for line in sys.stdin]
    main = {'http': main_http, 'sdk': main_sdk}[sys.argv[1]]
    main(todo, os.environ['PROMPT'], os.environ['OPENAI_API_KEY'])
