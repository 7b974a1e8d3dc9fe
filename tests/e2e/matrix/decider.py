#!/usr/bin/env python3
"""A program that asks before it calls. Reads lines of JSON, does what each says, prints what came
of it, and waits for the next, so that a test decides in which order several of them act.

    decider.py SOCKET HOST
    {"decide": {...}}      -> {"status", "id": of the reservation or null, "usd"}
    {"call": MODEL}        -> {"status", "id": the provider's id of the answer}
    {"named": [MODEL, ID]} -> the same, of a call that names its reservation"""
import http.client
import json
import os
import socket
import sys


def decide(body):
    connection = http.client.HTTPConnection('localhost', timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(sys.argv[1])
    connection.request('POST', '/v1/decide', json.dumps(body))
    response = connection.getresponse()
    held = json.loads(response.read()).get('reservation') or {}
    connection.close()
    return {'status': response.status, 'id': held.get('id'), 'usd': held.get('usd')}


def call(model, headers=None):
    provider.request('POST', '/v1/chat/completions', json.dumps(
        {'model': model, 'messages': [{'role': 'user', 'content': os.environ['PROMPT']}]}),
        {'content-type': 'application/json',
         'authorization': 'Bearer ' + os.environ['OPENAI_API_KEY'], **(headers or {})})
    response = provider.getresponse()
    return {'status': response.status, 'id': json.loads(response.read()).get('id')}


def named(value):
    return call(value[0], {'X-Outlay-Reservation': value[1]})


provider = http.client.HTTPSConnection(sys.argv[2], timeout=20)
for line in sys.stdin:
    (name, value), = json.loads(line).items()
    print(json.dumps({'decide': decide, 'call': call, 'named': named}[name](value)), flush=True)
