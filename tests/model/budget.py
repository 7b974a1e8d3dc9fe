#!/usr/bin/env python3
"""budget.py DRIVER: the budget engine (DRIVER is tests/model/budget.c) against a model of what its
headers promise, written apart from it: zones by zoneinfo, a bucket's level in fractions, walks
instead of indices. Random steps over clock changes, month ends, a leap day, with the clock put on
and back, new rules and restarts in the middle of windows; after each all figures are compared.
Prints its seed, takes SEED= and STEPS=; a failure leaves its steps in build/model.steps."""
import datetime
import fractions
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import zoneinfo

S = 10**9
DAY = 86400 * S
END = 2**63 - 1
TTL = KEEP = 600 * S
SLACK = S
PERIODS = ('minute', 'hour', 'day', 'week', 'month', 'quarter', 'year', 'total')
DAYS = {'minute': 60 * S, 'hour': 3600 * S, 'day': DAY, 'week': 7 * DAY, 'month': 30 * DAY,
        'quarter': 90 * DAY, 'year': 365 * DAY}
MODES = ('observe', 'advise', 'hold', 'cut')
ZONES = ('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Cairo')
# Both clock changes of each zone in 2024, a leap day, ends of month and year.
STARTS = ('2024-03-31T00:50', '2024-10-27T00:50', '2024-03-10T06:50', '2024-11-03T05:50',
          '2024-04-06T14:50', '2024-10-05T15:20', '2024-04-25T21:50', '2024-10-31T20:50',
          '2024-02-28T22:50', '2024-02-29T22:50', '2024-12-31T22:50', '2024-09-30T22:50')


# --- time

def offset(zone, t):
    """Seconds ahead of UTC."""
    at = datetime.datetime.fromtimestamp(t // S, zone)
    return int(at.utcoffset().total_seconds())


def midnight(zone, day):
    """The first instant at which the clock shows it, or leaps over it."""
    at = datetime.datetime(day.year, day.month, day.day, tzinfo=zone)
    return int(at.timestamp()) * S


def first_day(period, day):
    if period == 'week':
        return day - datetime.timedelta(day.weekday())
    if period == 'day':
        return day
    month = {'month': day.month, 'quarter': (day.month - 1) // 3 * 3 + 1, 'year': 1}[period]
    return datetime.date(day.year, month, 1)


def next_first(period, day):
    return first_day(period, first_day(period, day) + datetime.timedelta(
        {'day': 1, 'week': 7, 'month': 31, 'quarter': 93, 'year': 366}[period]))


def window(rule, t):
    period, zone = rule['period'], rule['zone']
    if period == 'total':
        return 0, END
    if rule['rolling']:
        piece = DAYS[period] // 60
        return t // piece * piece, t // piece * piece + piece
    if period in ('minute', 'hour'):
        length, ahead = DAYS[period], offset(zone, t) * S
        start = (t + ahead) // length * length - ahead
        end = start + length
        minute = t // (60 * S) * 60 * S
        begin = minute
        while begin > start and offset(zone, begin - 60 * S) * S == ahead:
            begin -= 60 * S
        stop = minute + 60 * S
        while stop < end and offset(zone, stop) * S == ahead:
            stop += 60 * S
        return max(begin, start), min(stop, end)
    day = datetime.datetime.fromtimestamp(t // S, zone).date()
    if midnight(zone, next_first(period, day)) <= t:
        day = next_first(period, day)
    return midnight(zone, first_day(period, day)), midnight(zone, next_first(period, day))


# --- rates

class Rate:
    SLOTS = 64

    def __init__(self, rule, now):
        self.rule, self.at = rule, now
        self.level = fractions.Fraction(self.size())
        self.log = []  # [slot, amount]
        self.slot = now * self.SLOTS // rule['length']

    def size(self):
        return self.rule['burst'] if self.rule['kind'] == 'bucket' and self.rule['burst'] \
            else self.rule['limit']

    def look(self, now):
        rule = self.rule
        if now > self.at:
            self.level += fractions.Fraction(rule['limit'] * (now - self.at), rule['length'])
        self.level = min(self.level, self.size())
        slot = now * self.SLOTS // rule['length']
        if slot < self.slot:
            self.log = [[slot, self.sum()]]
        self.log = [e for e in self.log if e[0] >= slot - self.SLOTS]
        self.at, self.slot = now, slot

    def sum(self):
        return sum(amount for _, amount in self.log)

    def used(self):
        return self.sum() if self.rule['kind'] == 'sliding' else -((self.level - self.size()) // 1)

    def fits(self, amount):
        rule = self.rule
        if rule['kind'] == 'bucket':
            if amount <= self.level:
                return 0
            wait = -((self.level - amount) * rule['length'] // rule['limit'])
        else:
            if self.sum() + amount <= rule['limit']:
                return 0
            wait = 0
        if amount > self.size():
            return END
        if rule['kind'] == 'bucket':
            return self.at + wait
        slots = sorted({slot for slot, _ in self.log})
        for slot in slots:
            left = sum(a for s, a in self.log if s > slot)
            if left + amount <= rule['limit']:
                return (slot + self.SLOTS + 1) * rule['length'] // self.SLOTS
        raise AssertionError('never')

    def restore(self, used, then):
        self.level = fractions.Fraction(self.size() - used)
        self.slot = then * self.SLOTS // self.rule['length']
        self.at, self.log = then, [[self.slot, used]]

    def take(self, amount, taken=0, when=0):
        """`amount` instead of what was taken then."""
        more = amount - taken
        self.level = min(self.level - more, self.size())
        slot = min(when * self.SLOTS // self.rule['length'], self.slot) if more < 0 else self.slot
        if slot < self.slot - self.SLOTS:
            return
        more = max(more, -sum(a for s, a in self.log if s == slot))
        self.log = [[s, a] for s, a in self.log if s != slot] + [
            [slot, more + sum(a for s, a in self.log if s == slot)]]


# --- budgets

class Total:
    def __init__(self, start, end):
        self.start, self.end, self.used, self.carried, self.granted = start, end, 0, 0, 0


class Budget:
    def __init__(self, rule, now):
        self.rule, self.now = rule, now
        self.current, self.formers = None, {}
        self.raised = self.raised_until = self.forced_until = 0
        self.forced = None
        self.rows = {}  # the ledger: start -> (end, used, granted)
        self.rate = Rate(rule, now) if 'kind' in rule else None

    def counts(self, total):
        return self.rule['rolling'] and total.start >= self.current.start - DAYS[
            self.rule['period']]

    def used(self):
        return self.current.used + sum(f.used for f in self.formers.values() if self.counts(f))

    def keep_former(self, total):
        """In one place of the calendar's, in sixty of a rolling one's."""
        places = 60 if self.rule['rolling'] else 1
        if len(self.formers) == places and total.start not in self.formers:
            del self.formers[min(self.formers)]
        self.formers[total.start] = total

    def merge_future(self):
        for former in list(self.formers.values()):
            if self.rule['rolling'] and former.start > self.current.start and former.used:
                self.current.used += former.used
                former.used = 0
                self.tell(former)
                self.tell(self.current)

    def at(self, now):
        self.now = now
        start, end = window(self.rule, now)
        if self.current is None:
            self.current = Total(start, end)
        elif not self.current.start <= now < self.current.end:
            coming = self.formers.pop(start, None) or Total(start, end)
            self.keep_former(self.current)
            self.current = coming
            self.merge_future()
        if self.rate:
            self.rate.look(now)
        self.look()
        return self

    def fresh(self, end):
        return self.rule['limit'] + (self.raised if end <= self.raised_until else 0)

    def look(self):
        cap = self.rule['limit'] * self.rule['rollover'] // 10000
        former = next(iter(self.formers.values()), None)
        if not self.rule['rollover']:
            self.current.carried = 0
        elif former and former.end <= self.current.start:
            left = min(max(former.granted - former.used, 0), cap)
            at = former.end
            while at < self.current.start and left < cap:
                _, at = window(self.rule, at)
                left = min(left + self.fresh(at), cap)
            self.current.carried = left
        if self.rate:
            return
        granted = self.fresh(self.current.end) + self.current.carried
        changed, self.current.granted = granted != self.current.granted, granted
        if changed and self.rule['rollover']:
            self.tell(self.current)

    def tell(self, total):
        self.rows[total.start] = (total.end, total.used, total.granted)

    def find(self, t):
        """The total of a time, and whether it is known."""
        for total in [self.current, *self.formers.values()]:
            if total.start <= t < total.end:
                return total, True
        return self.current, False

    def knows(self, t):
        return self.current is not None and self.find(t)[1]

    def limit(self):
        return self.rule['limit'] + self.current.carried + (
            self.raised if self.now < self.raised_until else 0)

    def mode(self):
        own = MODES.index(self.rule['mode'])
        if self.now >= self.forced_until:
            return own
        if self.forced == 'release':
            return min(own, 1)
        return MODES.index(self.forced)

    def stopped(self):
        return self.now < self.forced_until and self.forced in ('hold', 'cut')

    def asked(self, size):
        if self.rule['unit'] == 'tokens':
            return size['tokens']
        if self.rule['unit'] == 'requests':
            return 1
        return size['usd'] if size['usd'] is not None else self.rule['ceiling']

    def charged(self, usd, tokens, asked):
        if self.rule['unit'] == 'tokens':
            return tokens
        if self.rule['unit'] == 'requests':
            return 1
        if usd is not None:
            return usd
        return self.rule['ceiling'] or (self.asked(asked) if asked else 0)

    def place(self, total):
        """A total of before, of the same kind."""
        if total.start == self.current.start:
            moved = self.current.used  # from pieces yet to come
            self.current = total
            self.current.used += moved
            if moved:
                self.tell(total)
            return
        places = 60 if self.rule['rolling'] else 1
        if len(self.formers) == places and min(self.formers) > total.start:
            return
        self.keep_former(total)
        self.merge_future()

    def restart(self, now):
        new = Budget(self.rule, now)
        for name in ('raised', 'raised_until', 'forced', 'forced_until'):
            setattr(new, name, getattr(self, name))
        new.rows = dict(self.rows)
        for start, (end, used, granted) in sorted(self.rows.items()):
            total = Total(start, end)
            total.used, total.granted = used, granted
            new.at(now)
            new.rows[start] = self.rows[start]
            if new.rate and (start, end) == window(self.rule, start):
                new.rate.restore(granted, min(end, now))
                new.rate.look(now)
            new.place(total)
        return new.at(now)

    def reload(self, rule, now):
        new = Budget(rule, now)
        for name in ('raised', 'raised_until', 'forced', 'forced_until', 'rows'):
            setattr(new, name, getattr(self, name))
        if self.rate and (self.rate.rule['kind'], self.rate.rule['length']) == (
                rule['kind'], rule['length']):
            self.rate.look(now)
            self.rate.rule = rule
            new.rate = self.rate
        elif self.rate:
            new.rate = Rate(rule, now)
        rows = dict(self.rows)
        new.raised = new.raised_until = 0
        new.at(now)
        for total in [self.current, *self.formers.values()]:
            if total:
                if total.start == new.current.start and total.start in rows:
                    new.rows[total.start] = rows[total.start]
                elif total.start == new.current.start:
                    new.rows.pop(total.start, None)
                new.place(total)
        new.raised, new.raised_until = self.raised, self.raised_until
        new.look()
        return new


class Model:
    def __init__(self):
        self.budgets, self.now = {}, 0
        self.held = {}  # id -> reservation, in order of lease
        self.kept = {}  # id -> reservation, in order of their ends

    def advance(self, now):
        if now < self.now - SLACK:
            self.kept.clear()
            for r in self.held.values():
                r['made'], r['leased'] = min(r['made'], now), min(r['leased'], now)
        self.now = now
        while True:
            while self.kept and next(iter(self.kept.values()))['ended'] <= now - KEEP:
                del self.kept[next(iter(self.kept))]
            number, r = next(iter(self.held.items()), (None, None))
            if r is None or r['leased'] > now - TTL:
                return
            self.give_back(r)
            self.end(number, r, 'lapsed')

    def end(self, number, r, state):
        self.held.pop(number, None)
        self.kept.pop(number, None)
        r['state'], r['ended'] = state, self.now
        self.kept[number] = r

    def holds(self, r):
        return [self.budgets[name] for name in sorted(r['holds']) if name in self.budgets]

    def give_back(self, r):
        for b in self.holds(r):
            if b.rate:
                b.at(self.now).rate.take(0, b.asked(r['size']), r['made'])

    def reserved(self, b):
        return 0 if b.rate else sum(
            b.asked(r['size']) for r in self.held.values() if b.rule['name'] in r['holds'])

    def matching(self, label):
        return [b.at(self.now) for b in self.budgets.values() if b.rule['label'] in (None, label)]

    def decide(self, number, label, usd, tokens, essential):
        size = {'usd': usd, 'tokens': tokens}
        decision, reasons, matched = 0, [], self.matching(label)
        for b in matched:
            asked = b.asked(size)
            grace = b.rule['grace'] if essential else 0
            if b.rate:
                exceeded = b.rate.fits(asked) > 0
            else:
                exceeded = b.used() + self.reserved(b) + asked > (
                    b.limit() + b.limit() * grace // 10000)
            exceeded |= b.stopped() or (usd is None and b.rule['unit'] == 'USD'
                                        and b.rule['unpriced'] == 'deny')
            if exceeded:
                decision = max(decision, 2 if b.mode() >= 1 else 1)
                reasons.append(b)
        if decision < 2:
            self.held[number] = {'state': 'open', 'size': size, 'made': self.now,
                                 'leased': self.now, 'ended': 0,
                                 'holds': {b.rule['name'] for b in matched}}
            for b in matched:
                if b.rate:
                    b.rate.take(b.asked(size))
        # Of a call that was let go all the same: when another one fits.
        return ' '.join([('allow', 'warn', 'deny')[decision]] + [
            f'{b.rule["name"]}={b.rate.fits(b.asked(size)) if b.rate else 0}' for b in reasons])

    def known(self, number):
        return self.held.get(number) or self.kept.get(number)

    def settle(self, number, usd):
        r = self.known(number)
        if not r:
            return '-2'
        if r['state'] in ('told', 'captured'):
            return '-114'
        was = dict(r['size']) if r['state'] == 'open' else None
        if usd is not None:
            r['size'] = dict(r['size'], usd=usd)
        for b in self.holds(r):
            b.at(self.now)
            amount = b.asked(r['size'])
            b.current.used += amount
            if b.rate:
                b.rate.take(amount, b.asked(was) if was else 0, r['made'])
                b.current.granted = b.rate.used()
            b.tell(b.current)
        self.end(number, r, 'told')
        return '0'

    def finish(self, number, what):
        r = self.known(number)
        if not r:
            return '-2'
        if r['state'] != 'open':
            return '-114'
        if what == 'release':
            self.give_back(r)
            self.end(number, r, 'lapsed')
        else:
            del self.held[number]
            r['leased'] = self.now
            self.held[number] = r
        return '0'

    def charge(self, number, label, end, usd, tokens):
        r = self.known(number) if number is not None else None
        matched = {b.rule['name']: b for b in self.matching(label)}
        booked = None
        if r:
            matched.update({b.rule['name']: b.at(self.now) for b in self.holds(r)})
            if r['state'] == 'told':
                for b in self.holds(r):
                    total, known = b.find(r['ended'])
                    if known:
                        total.used -= b.asked(r['size'])
                        b.tell(total)
                        b.at(self.now)
            booked = r['size'] if r['state'] in ('open', 'told') else None
        for name, b in matched.items():
            total, _ = b.find(end)
            amount = b.charged(usd, tokens, r and r['size'])
            total.used += amount
            if b.rate:
                taken = b.asked(booked) if booked and name in r['holds'] else 0
                b.rate.take(amount, taken, r['made'] if r else 0)
                total.granted = b.rate.used()
            b.tell(total)
        if r and r['state'] != 'captured':
            self.end(number, r, 'captured')
        return '1' if r else '0'

    def override(self, name, action, amount, until):
        b = self.budgets[name].at(self.now)
        if b.rate and action in ('raise', 'reset'):
            return '-95'
        if not until and action in ('hold', 'cut'):
            until = END
        elif not until:
            until = self.now + DAYS[b.rule['period']] if b.rule['rolling'] else b.current.end
        if action != 'reset' and until <= self.now:
            return '-34'
        if action == 'raise':
            b.raised, b.raised_until = amount, until
        elif action == 'reset':
            for former in b.formers.values():
                if b.rule['rolling'] and former.used:
                    former.used = 0
                    b.tell(former)
            b.current.used = amount
            b.tell(b.current)
        else:
            b.forced, b.forced_until = action, until
        b.look()
        return '0'

    def rules(self, rules):
        former, self.budgets = self.budgets, {}
        for rule in rules:
            b = former.get(rule['name'])
            self.budgets[rule['name']] = b.reload(rule, self.now) if b else Budget(rule, self.now)
        for r in [*self.held.values(), *self.kept.values()]:
            # Nothing is taken back from a window that is gone.
            r['holds'] = {name for name in r['holds'] & set(self.budgets) if
                          r['state'] != 'told' or former[name].knows(r['ended'])}
        return '0'

    def restart(self):
        self.held.clear()
        self.kept.clear()
        self.budgets = {name: b.restart(self.now) for name, b in self.budgets.items()}
        return '0'

    def show(self):
        lines = []
        for b in self.budgets.values():
            b.at(self.now)
            limit, spent, start = b.limit(), b.used(), b.current.start
            if b.rate:
                limit, spent = b.rate.size(), b.rate.used()
                start = self.now - b.rule['length']
            elif b.rule['rolling']:
                start -= DAYS[b.rule['period']]
            lines.append(f'{b.rule["name"]} {limit} {spent} {self.reserved(b)} {start} {b.mode()}')
        return lines


# --- random steps

def random_rule(rng, name, former=None):
    rule = {'name': name, 'label': rng.choice((None, 'a', 'b')), 'unit': rng.choice(
        ('USD', 'tokens', 'requests')), 'mode': rng.choice(MODES[:2] + MODES), 'ceiling': 0,
        'unpriced': 'allow', 'zone': zoneinfo.ZoneInfo(rng.choice(ZONES)), 'rollover': 0,
        'grace': 0, 'rolling': False, 'period': 'hour'}
    if former:
        rule.update({k: former[k] for k in (
            'unit', 'zone', 'rolling', 'period', 'ceiling', 'unpriced')})
    kind = former.get('kind') if former else rng.choice((None, None, 'bucket', 'sliding'))
    rule['limit'] = rng.randrange(1, {'USD': 9000, 'tokens': 9000, 'requests': 90}[rule['unit']])
    if kind:
        rule.update(kind=kind, mode=rng.choice(MODES[:2]), burst=0, zone=zoneinfo.ZoneInfo('UTC'),
                    length=former['length'] if former else rng.choice((S, 60 * S, 3600 * S, DAY)))
        if kind == 'bucket' and rng.random() < .5:
            rule['burst'] = rng.randrange(1, 3000)
        return rule
    if not former:
        rule['period'] = rng.choice(PERIODS)
        rule['rolling'] = rule['period'] != 'total' and rng.random() < .3
        if rule['unit'] == 'USD':
            rule['unpriced'] = rng.choice(('allow', 'deny', 'ceiling'))
            rule['ceiling'] = 77 if rule['unpriced'] == 'ceiling' else 0
    if not rule['rolling'] and rule['period'] != 'total' and rng.random() < .6:
        rule['rollover'] = rng.choice((1250, 5000, 10000, 35000))
    rule['grace'] = rng.choice((0, 500, 1050))
    return rule


def yaml_of(rules):
    lines = ['budgets:']
    for r in rules:
        amount = f'{r["limit"]:d}'
        usd = fractions.Fraction(r['limit'], 10**12)
        if r['unit'] == 'USD':
            amount = f'0.{r["limit"]:012d}'
        assert usd < 1
        lines.append(f'  - name: {r["name"]}')
        if r['label']:
            lines.append(f'    match: {{label: {{team: {r["label"]}}}}}')
        lines.append(f'    mode: {r["mode"]}')
        if r['unpriced'] == 'ceiling':
            lines.append('    unpriced: ceiling 0.000000000077 USD per request')
        else:
            lines.append(f'    unpriced: {r["unpriced"]}')
        if 'kind' in r:
            names = {S: 'second', 60 * S: 'minute', 3600 * S: 'hour', DAY: 'day'}
            sliding = 'sliding ' if r['kind'] == 'sliding' else ''
            lines.append(f'    rate: {amount} {r["unit"]} per {sliding}{names[r["length"]]}')
            if r['burst']:
                burst = f'0.{r["burst"]:012d}' if r['unit'] == 'USD' else r['burst']
                lines.append(f'    burst: {burst}')
            continue
        how = 'in' if r['period'] == 'total' else 'per rolling' if r['rolling'] else 'per'
        lines.append(f'    limit: {amount} {r["unit"]} {how} {r["period"]}')
        lines.append(f'    timezone: {r["zone"].key}')
        lines.append(f'    grace: {r["grace"] // 100}.{r["grace"] % 100:02d}%')
        if r['rollover']:
            lines.append(f'    rollover: {r["rollover"] // 100}.{r["rollover"] % 100:02d}%')
    return '\n'.join(lines) + '\n'


def next_time(rng, model, now):
    some = rng.choice(list(model.budgets.values()))
    choice = rng.random()
    if choice < .06 and some.current and some.current.end < now + 400 * DAY:
        return some.current.end + rng.choice((-1, 0, rng.randrange(S)))
    if choice < .09:
        return now + rng.randrange(3 * DAY)
    if choice < .10:
        return now + rng.randrange(90 * DAY)
    if choice < .12:
        return now - 2 * SLACK - rng.randrange(3 * DAY)
    if choice < .16:
        return now + TTL - rng.choice((0, 1))
    return now + rng.randrange(20 * S)


class Run:
    def __init__(self, rng, driver, folder):
        self.rng, self.folder = rng, pathlib.Path(folder)
        self.process = subprocess.Popen([driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.model, self.steps, self.n, self.seen = Model(), [], 0, {}

    def tell(self, now, words, expected):
        """The driver's answer and figures to a step, against the model's."""
        line = ' '.join(str(w) for w in (now, *words))
        self.steps.append(line)
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        answer = []
        while not answer or answer[-1] != '.':
            got = self.process.stdout.readline()
            if not got:
                raise SystemExit(f'budget.py: the driver ended at: {line}')
            answer.append(got.rstrip('\n'))
        want = [expected, *self.model.show(), '.']
        if answer != want:
            raise AssertionError('\n'.join(
                [f'step {len(self.steps)}: {line}'] +
                [f'  model {w!r}, engine {a!r}' for w, a in zip(want, answer) if w != a]))

    def new_rules(self, now):
        rng, rules = self.rng, []
        for b in self.model.budgets.values():
            if rng.random() < .9:
                rules.append(random_rule(rng, b.rule['name'], b.rule)
                             if rng.random() < .5 else b.rule)
        while len(rules) < 6:
            self.n += 1
            rules.append(random_rule(rng, f'n{self.n}'))
        path = self.folder / f'rules{len(self.steps)}.yaml'
        path.write_text(yaml_of(rules))
        return ('rules', path), self.model.rules(rules)

    def step(self, now):
        rng, model = self.rng, self.model
        model.advance(now)
        # Mostly one that is known, of the last ones.
        number = rng.choice([*model.held, *model.kept][-8:] or [self.n])
        if rng.random() < .1:
            number = rng.randrange(self.n + 1)
        usd = rng.choice((None, *[rng.randrange(300) for _ in range(5)]))
        label, tokens = rng.choice('ab'), rng.randrange(200)
        cost = '-' if usd is None else usd
        kind = rng.random()
        if kind < .45:
            self.n += 1
            into = rng.randrange(100)
            essential = rng.randrange(2)
            return (('decide', self.n, label, cost, into, tokens, essential),
                    model.decide(self.n, label, usd, into + tokens, essential))
        if kind < .75:
            asked = rng.random() < .8 and model.known(number) is not None
            end = now - rng.choice((0, rng.randrange(5 * S), rng.randrange(2 * DAY)))
            return (('charge', number if asked else '-', label, end - S, end, cost, tokens),
                    model.charge(number if asked else None, label, end, usd, tokens))
        if kind < .83:
            return ('settle', number, cost), model.settle(number, usd)
        if kind < .88:
            what = rng.choice(('release', 'renew'))
            return (what, number), model.finish(number, what)
        if kind < .94:
            name = rng.choice(list(model.budgets))
            action = rng.choice(('raise', 'raise', 'hold', 'cut', 'release', 'release', 'reset'))
            until = now + rng.randrange(3 * DAY) - DAY // 4
            if action in ('hold', 'cut') and rng.random() < .9:
                until = now + rng.randrange(60 * S)
            elif rng.random() < .7:
                until = 0
            amount = rng.randrange(1000) if action in ('raise', 'reset') else 0
            return (('override', name, action, amount, until if action != 'reset' else 0),
                    model.override(name, action, amount, until))
        if kind < .97:
            return self.new_rules(now)
        if kind < .99:
            return ('restart',), model.restart()
        return ('look',), '0'

    def run(self, now, steps):
        self.model.advance(now)
        words, expected = self.new_rules(now)
        for _ in range(steps):
            self.tell(now, words, expected)
            self.seen[words[0]] = self.seen.get(words[0], 0) + 1
            self.seen[expected.split()[0]] = self.seen.get(expected.split()[0], 0) + 1
            now = next_time(self.rng, self.model, now)
            words, expected = self.step(now)
        self.process.stdin.close()
        if self.process.wait():
            raise SystemExit('budget.py: the driver failed')


def main():
    seed = int(os.environ.get('SEED') or time.time())
    steps = int(os.environ.get('STEPS') or 400)
    print(f'budget.py: SEED={seed}', flush=True)
    rng, seen = random.Random(seed), {}
    for text in STARTS:
        start = datetime.datetime.fromisoformat(text + ':00+00:00')
        with tempfile.TemporaryDirectory() as folder:
            run = Run(rng, sys.argv[1], folder)
            try:
                run.run(int(start.timestamp()) * S, steps)
            except AssertionError as why:
                pathlib.Path('build/model.steps').write_text('\n'.join(run.steps) + '\n')
                sys.exit(f'{why}\nbudget.py: SEED={seed}, from {text}')
        for name, n in run.seen.items():
            seen[name] = seen.get(name, 0) + n
    print(f'budget.py: {len(STARTS)} histories of {steps} steps: ' +
          ', '.join(f'{n} {name}' for name, n in sorted(seen.items())))
    # Histories in which nothing happened would prove nothing.
    if steps >= 400 and not (seen['deny'] > 100 and seen['allow'] > 100 and seen['restart'] > 20):
        sys.exit('budget.py: too little happened')


if __name__ == '__main__':
    main()
