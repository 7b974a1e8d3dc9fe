#!/bin/sh
# Recorded exchanges with right values worked out by others, through `outlay price`. The corpus is
# third-party data beside the repository: read from there, never copied here; without it the test is
# skipped. A report by provider, and every miss besides the calls that are not priced yet.
#
# Counted otherwise than there: three of Bedrock, whose output only a header says; one of Gemini,
# whose thoughts are in the total alone; and one of OpenRouter, with more reasoning than output.
# Priced otherwise: the three of Bedrock, and two of deepseek-v4-flash from before its peak hours
# began, to which both oracles, whose peak has no date, give the peak's price.
#
# Numbers of misses allowed: lower one when more is reached; never raise one.
set -eu
cd "$(dirname "$0")/.."
corpus=../shared/corpus
if ! [ -r "$corpus/exchanges.jsonl.gz" ]; then
	echo "skipped: no corpus"
	exit 0
fi
OUTLAY=${OUTLAY:-build/outlay} PYTHONPATH=$corpus PYTHONDONTWRITEBYTECODE=1 \
	exec python3 - "$corpus" <<'P'
import collections, json, os, subprocess, sys
import har, score

MISSES = {"present": 0, "tokens": 5, "cost": 5, "cost where priced": 5, "never": 0, "no_cost": 0}

corpus = sys.argv[1]
wanted = {w["id"]: w for w in score.rows(corpus + "/expected.jsonl.gz")}
chosen = list(score.rows(corpus + "/exchanges.jsonl.gz"))
entries = "".join(json.dumps(har.entry(x, wanted[x["id"]])) + "\n" for x in chosen)
ran = subprocess.run([os.environ["OUTLAY"], "price", "--config", "config", "-"],
                     input=entries.encode(), stdout=subprocess.PIPE, check=True)
events = [json.loads(line) for line in ran.stdout.splitlines()]
# What was done besides an answer, which is what was looked at there, has an event behind its own.
events = [e for before, e in zip([{}] + events, events) if e["source_id"] != before.get("source_id")]
if [e["source_id"] for e in events] != [x["id"] for x in chosen]:
    sys.exit("corpus: not an event for each exchange, in order")

good, total, failed = collections.Counter(), collections.Counter(), False
for event in events:
    want = wanted[event["source_id"]]
    checks = [(name, ok, detail) for name, ok, detail in score.check(want, event)]
    if event["cost_source"] != "unpriced":
        checks += [("cost where priced", ok, detail) for name, ok, detail in checks if name == "cost"]
    for name, ok, detail in checks:
        for who in (want["provider"], "all"):
            good[who, name] += ok
            total[who, name] += 1
        if not ok and not (name == "cost" and event["cost_source"] == "unpriced"):
            print("miss: %s %s %s: %s" % (want["provider"], event["source_id"], name, detail))
for who in sorted({who for who, name in total}, key=lambda who: (who == "all", who)):
    print("%-14s" % who + "".join("  %s %d/%d" % (name, good[who, name], total[who, name])
                                  for name in MISSES if total[who, name]))
for name, allowed in MISSES.items():
    if total["all", name] - good["all", name] > allowed or not total["all", name]:
        print("%s: more than %d misses" % (name, allowed))
        failed = True
sys.exit(failed)
P
