"""What the fake provider charges, from the provider's published prices and by hand: USD for a
million tokens, so that a millionth of a USD is 10^6 picodollars and every product is an integer.
Nothing here is read from config/prices."""
from decimal import Decimal

PICO = Decimal(10) ** -12

# model: (input, cached input, output), as published
USD_PER_MILLION = {
    'gpt-4o': ('2.50', '1.25', '10.00'),
    'gpt-4o-mini': ('0.15', '0.075', '0.60'),
    'gpt-4.1': ('2.00', '0.50', '8.00'),
    'gpt-4.1-mini': ('0.40', '0.10', '1.60'),
    'o4-mini': ('1.10', '0.275', '4.40'),
}

# what a request for the name is served by
SNAPSHOTS = {
    'gpt-4o': 'gpt-4o-2024-08-06',
    'gpt-4o-mini': 'gpt-4o-mini-2024-07-18',
    'gpt-4.1': 'gpt-4.1-2025-04-14',
    'gpt-4.1-mini': 'gpt-4.1-mini-2025-04-14',
    'o4-mini': 'o4-mini-2025-04-16',
}


def cost_pico(model, buckets):
    """Picodollars of disjoint counts; reasoning tokens are output tokens."""
    fresh, cached, output = (int(Decimal(rate) * 10**6) for rate in USD_PER_MILLION[model])
    rates = {'input': fresh, 'input_cache_read': cached, 'output': output,
             'output_reasoning': output}
    return sum(count * rates[bucket] for bucket, count in buckets.items())


def estimate(asked, answered):
    """What a stream that tells no usage is taken for: a token for four bytes, rounded up."""
    return {bucket: -(-len(text.encode()) // 4)
            for bucket, text in (('input', asked), ('output', answered))}


def differences(event, line):
    """{field: (found, wanted)} of those that differ."""
    cost = line['cost_pico']
    chat = line['model'] != ''
    models = line['route'] == 'GET /v1/models'  # the one other route that a provider file names
    wanted = {
        'provider': 'openai', 'server': line['host'], 'status': line['status'],
        'route': line['route'] if chat or models else None,
        'operation': 'chat' if chat else 'models' if models else 'unknown',
        'model_requested': line['model_requested'] or None,
        'completeness': 'complete', 'lost_bytes': 0,
        'cost_pico': None if cost is None else str(cost),
        'cost_usd': None if cost is None else cost * PICO,
        'cost_source': 'unpriced' if cost is None else
                       'estimated' if line.get('estimated') else 'catalog',
        'attempt': int(line['retry'] or 0) + 1,
        'model': line['model'] if line['status'] == 200 and chat else None,
        'response_id': line['response_id'] if line['status'] == 200 and chat else None,
        'usage': line['usage'],
    }
    if line['status'] == 200:
        wanted['streaming'] = line['streaming']
    found = {key: event[key] for key in wanted}
    if found['cost_usd'] is not None:
        found['cost_usd'] = Decimal(found['cost_usd'])
    found['usage'] = {bucket: count for bucket, count in (event['usage'] or {}).items()
                      if count and bucket != 'requests'}
    return {key: (found[key], value) for key, value in wanted.items() if found[key] != value}
