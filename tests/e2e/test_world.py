#!/usr/bin/env python3
"""The harness without an agent: what the other tests rely on is so."""
import json

import calls
from kafka import Kafka
from world import Checks, World

checks = Checks()
world = World.enter('world')
kafka = Kafka(world)
checks('Kafka starts', kafka.start())

crew = calls.Crew(world)
plan = calls.two_hundred()
checks.equal('the plan is 200 calls', calls.served(plan), 200)
results = crew.run(plan + calls.unrelated(12))
truth = crew.truth()
checks.equal('the provider served each of them', len(truth), 212)
checks.equal('ids are all different', len({line['request_id'] for line in truth}), 212)
checks('each client saw the status and the id that the provider gave', *crew.agree(results))
priced = [line for line in truth if line['usage']]
checks.equal('costs by hand: 1000 + 200 cached + 100 out of gpt-4o-mini',
             calls.truth.cost_pico('gpt-4o-mini', {'input': 1000, 'input_cache_read': 200,
                                                   'output': 100}), 225000000)
checks('most calls have a price', len(priced) > 170, len(priced))
checks('prompts and keys reached the provider',
       all(line['key'] == 'Bearer ' + crew.key for line in truth))

kafka.write('t', [json.dumps({'n': n}) for n in range(50)], ce_id='a', ce_type='b')
records = kafka.read('t')
checks.equal('kcat reads back what was written', sorted(r[2]['n'] for r in records),
             list(range(50)))
checks.equal('keys and headers too', records[0][:2], ('key', {'ce_id': 'a', 'ce_type': 'b'}))
kafka.stop()
checks('a stopped broker does not answer', not kafka.answers())
checks('it starts again', kafka.start())
checks.equal('and has kept everything', len(kafka.read('t')), 50)
checks.finish(world)
