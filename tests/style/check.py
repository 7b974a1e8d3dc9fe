#!/usr/bin/env python3
"""The rules of src/README.md as a test: prints FILE:LINE: RULE: MESSAGE, exits 1 when it found any.

A file may carry /* style: RULE, because REASON */ where a rule does not fit it. To add a rule: a
generator with @rule above it, and a bad snippet in test_check.py. A rule of one file gets a Source;
a rule of the whole tree gets the root folder.
"""
import functools
import json
import os
import re
import subprocess
import sys

LAYERS = 'tests/style/layers.txt'
NORMS = {'.bpf.c': 300, '.c': 400, '.h': 120}  # lines of a file, by the first suffix that fits
FUNCTION_LINES = 40
COLUMNS = 100

BANNED = r'\b(strcpy|strncpy|strcat|strncat|sprintf|vsprintf|atoi|atol|atof|gets|strtok|alloca)\b'
PRINTING = r'\b(printf|fprintf|vprintf|vfprintf|dprintf|puts|fputs|perror|syslog|vsyslog)\s*\('
TYPEDEF = r'\btypedef\s+(struct|union|enum)\b[^;]*[{*\w]'
UNFINISHED = r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b'
MACHINE = r'(?<![\w.])/(work|root|tmp)/(?![\w.-]*X{6})'
REGISTRIES = (r'\b(pypi|crates|pythonhosted|npmjs|proxy\.golang|repo1?\.maven|deb\.debian)'
              r'\.(?:\w+\.)?(org|io|com)\b')
TOKENS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

file_rules, tree_rules = [], []


def rule(name, where=r'', but=r'(?!)', tree=False):
    """Registers a rule for files whose path matches `where` and not `but`."""
    def register(function):
        (tree_rules if tree else file_rules).append(
            (name, re.compile(where), re.compile(but), function))
        return function
    return register


class Source:
    """A file: `text` as it is, `code` without comments and the insides of strings, lines kept."""

    def __init__(self, root, path, text):
        self.root, self.path, self.text = root, path, text
        self.name = os.path.basename(path)
        self.stem = self.name.split('.')[0]

    @functools.cached_property
    def code(self):
        def blank(match):
            token = match.group()
            if token[0] in '"\'':
                return token[0] * 2
            return ' ' + '\n' * token.count('\n')
        return TOKENS.sub(blank, self.text)

    @functools.cached_property
    def top(self):
        """Definitions and declarations at file level, as (line, text up to its body or value)."""
        code = re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', lambda m: '\n' * m.group().count('\n'),
                      self.code, flags=re.M)
        found, depth, start, head = [], 0, 0, None
        for at, char in enumerate(code):
            if char in '{([':
                if char == '{' and depth == 0 and head is None:
                    head = code[start:at + 1]
                depth += 1
            elif char in '})]':
                depth -= 1
            ends_body = char == '}' and depth == 0 and head and '=' not in head and \
                re.search(r'\)[\s\w]*{$', head)
            if (char == ';' and depth == 0) or ends_body:
                text = head or code[start:at + 1]
                first = start + len(text) - len(text.lstrip())
                found.append((line_at(code, first), text.strip(), line_at(code, at)))
                start, head = at + 1, None
        return found

    def excused(self, name):
        return re.search(r'/\* style: %s, because ' % re.escape(name), self.text)


def line_at(text, offset):
    return text.count('\n', 0, offset) + 1


def each_match(pattern, text):
    for match in re.finditer(pattern, text):
        yield line_at(text, match.start()), match


C_FILES = r'\.[ch]$'
OURS = r'^(src|bpf|include)/.*\.[ch]$'
STAGE = r'^src/(?!agent/|cli/).*\.[ch]$'


@functools.lru_cache
def layers(root):
    table = {}
    with open(os.path.join(root, LAYERS), encoding='utf-8') as lines:
        for line in lines:
            if ':' in line and not line.startswith('#'):
                folder, allowed = line.split(':', 1)
                table[folder] = allowed.split()
    return table


@rule('layer', r'^src/.*\.[ch]$')
def layer_law(source):
    folder = source.path.split('/')[1]
    allowed = layers(source.root).get(folder)
    if allowed is None:
        yield 1, f'folder {folder} has no line in {LAYERS}'
        return
    for line, match in each_match(r'(?m)^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', source.text):
        header = match.group(1)
        if '*' in allowed or {header, header.split('/')[0]} & {folder, *allowed}:
            continue
        yield line, f'{folder} may not include {header}'


@rule('export', r'^src/.*\.c$')
def exports(source):
    """x.c exports x_*, or what a header x.h of its folder declares as x_* (also xs_*)."""
    folder = os.path.dirname(os.path.join(source.root, source.path))
    headers = {name[:-2]: name for name in os.listdir(folder) if name.endswith('.h')} \
        if os.path.isdir(folder) else {}
    for line, name, _ in definitions(source):
        if name == 'main' or re.match(r'%ss?(_|$)' % source.stem, name):
            continue
        for stem, header in headers.items():
            with open(os.path.join(folder, header), encoding='utf-8') as file:
                if re.match(r'%ss?(_|$)' % stem, name) and \
                        re.search(r'\b%s\b' % name, file.read()):
                    break
        else:
            yield line, f'{name} is exported without the prefix {source.stem}_'


def definitions(source):
    """What a file exports, as (line, name, is it a function)."""
    for line, text, _ in source.top:
        text = re.sub(r'__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)\s*', '', text)
        text = re.sub(r'^(?:[A-Z_]+\s*\([^()]*\)\s*)+', '', text)
        if re.match(r'(_S|s)tatic_assert\b|(extern|typedef)\b', text) or \
                re.search(r'\bstatic\b', text):
            continue
        function = re.match(r'[\w\s*]*?\b(\w+)\s*\([^=]*\)\s*{$', text, re.S)
        variable = re.match(r'[\w\s*]*?\b(\w+)\s*(\[[^]]*\]\s*)*(=.*|;)$', text, re.S)
        if function:
            yield line, function.group(1), True
        elif variable and not re.match(r'(struct|union|enum)\s+\w+\s*;$', text):
            yield line, variable.group(1), False


@rule('global', r'^src/.*\.c$')
def mutable_globals(source):
    """A variable at file level is const, its pointers too."""
    for line, text, _ in source.top:
        if re.match(r'(extern|typedef|(_S|s)tatic_assert)\b', text):
            continue
        match = re.match(r'([\w\s*]+?)\b\w+\s*(\[[^]]*\]\s*)*(=.*|;)$', text, re.S)
        if not match or re.match(r'(struct|union|enum)\s+\w*\s*$', match.group(1)):
            continue
        kind = match.group(1)
        if not re.search(r'\bconst\b', kind[kind.rfind('*') + 1:] if '*' in kind else kind):
            yield line, 'a mutable variable at file level'


@rule('long', OURS)
def lengths(source):
    lines = source.text.count('\n')
    limit = next(NORMS[suffix] for suffix in NORMS if source.name.endswith(suffix))
    if lines > limit:
        yield limit + 1, f'{lines} lines, the norm is {limit}'
    for line, text, last in source.top:
        body = last - line - text.count('\n') - 1
        if body > FUNCTION_LINES and re.search(r'\)[\s\w]*{$', text):
            yield line, f'a function of {body} lines, the norm is {FUNCTION_LINES}'


@rule('word', C_FILES)
def banned_words(source):
    for line, match in each_match(BANNED, source.code):
        yield line, f'{match.group()} is not used here'
    for line, _ in each_match(TYPEDEF, source.code):
        yield line, 'a struct keeps its name: no typedef'


@rule('float', C_FILES, but=r'^tests/(bench|unit)/')
def floats(source):
    for line, match in each_match(r'\b(float|double)\b', source.code):
        yield line, f'{match.group()}: money and time are integers'


@rule('print', STAGE)
def printing(source):
    for line, match in each_match(PRINTING, source.code):
        yield line, f'{match.group(1)}: a stage counts, only agent and cli print'


@rule('comment', C_FILES)
def comments(source):
    for match in TOKENS.finditer(source.text):
        if match.group().startswith('//'):
            yield line_at(source.text, match.start()), 'a // comment'
    if not source.text.startswith('/*'):
        yield 1, 'the file does not open with a comment that says what it is for'


@rule('assign', C_FILES)
def assignments(source):
    for line, match in each_match(r'\b(if|while|switch)\s*\(', source.code):
        depth, at = 1, match.end()
        while depth and at < len(source.code):
            depth += {'(': 1, ')': -1}.get(source.code[at], 0)
            at += 1
        condition = source.code[match.end():at - 1]
        if '{' not in condition and re.search(r'[^=!<>]=(?!=)', condition):
            yield line, 'an assignment in a condition'


@rule('pragma', r'\.h$')
def pragma_once(source):
    if not re.match(r'\s*#pragma once\n', source.code):
        yield 1, 'the first line after the opening comment is not #pragma once'


@rule('unfinished', r'\.(c|h|py|sh|sql|yaml|json|md)$|Makefile$')
def unfinished(source):
    for line, match in each_match(UNFINISHED, source.text):
        yield line, f'{match.group()} in a tracked file'


@rule('columns', r'\.(c|h|py)$')
def columns(source):
    for number, line in enumerate(source.text.split('\n'), 1):
        if len(line.expandtabs(8)) > COLUMNS:
            yield number, f'{len(line.expandtabs(8))} columns'


@rule('space', r'\.(c|h|py|sh|sql|yaml|md)$|Makefile$')
def white_space(source):
    for number, line in enumerate(source.text.split('\n'), 1):
        if line != line.rstrip():
            yield number, 'white space at the end of the line'
        if source.path.endswith(('.c', '.h')) and line.startswith(' ' * 8):
            yield number, 'spaces where tabs indent'


@rule('machine', r'')
def machine(source):
    for line, match in each_match(MACHINE, source.text):
        yield line, f'a path of one machine: {match.group()}'
    for line, match in each_match(REGISTRIES, source.text):
        yield line, f'a package registry: {match.group()}'


@rule('vectors', tree=True)
def providers_have_vectors(root):
    for name in listdir(root, 'config/providers'):
        vectors = 'tests/vectors/' + name.removesuffix('.yaml')
        if not listdir(root, vectors):
            yield f'config/providers/{name}', 1, f'no case in {vectors}/'


@rule('option', tree=True)
def options_are_shown(root):
    """Each key that the daemon's schema knows stands in the configuration that is installed."""
    table, shown = 'src/agent/options.c', 'config/outlayd.yaml'
    text = read(root, table)
    for line, match in each_match(r'CYAML_FIELD_\w+\(\s*"(\w+)"', text):
        if not re.search(r'(?m)^[# \t]*%s:' % match.group(1), read(root, shown)):
            yield table, line, f'option {match.group(1)} is not in {shown}'


# Fields of an event that are no column of its row: the host's, and the input's of `outlay price`.
BESIDE_THE_ROW = {'host_id', 'host_name', 'source_id'}


@rule('event', tree=True)
def event_fields_agree(root):
    """verdict.c, the ledger's tables and the published schema name the same fields."""
    places = {
        'src/budget/verdict.c': event_fields_of_c,
        'src/ledger/schema.sql': event_fields_of_sql,
        'include/outlay/event.schema.json': event_fields_of_schema,
    }
    if not all(read(root, path) for path in places):
        return
    fields = {path: reader(read(root, path)) for path, reader in places.items()}
    sql = fields['src/ledger/schema.sql']
    buckets = set(re.findall(r'X\(\w+, "(\w+)"\)', read(root, 'src/meter/usage.h') or ''))
    for name, parts in {'usage': buckets, **STORED_AS}.items():
        if parts and parts <= sql:
            sql.add(name)
            sql -= parts - {'time_end', 'cost_pico', 'total_tokens'}
    for name in sorted(set().union(*fields.values())):
        for path, names in fields.items():
            if name not in names:
                yield path, 1, f'no event field {name}, which the others have'


# Event fields that the ledger keeps in other columns.
STORED_AS = {'budgets': {'windows', 'spent_usd'}, 'cost_usd': {'cost_pico'},
             'duration_ms': {'time_end'}, 'usage_doubt': {'total_tokens'}}


def event_fields_of_c(text):
    table = re.search(r'verdict_fields\[\]\s*=\s*{(.*?)\n};', text, re.S)
    return set(re.findall(r'^\s*(?:\w+\(|{)\s*"(\w+)"', table.group(1), re.M)) if table else set()


def event_fields_of_sql(text):
    text = re.sub(r'--.*|/\*.*?\*/', '', text)
    tables = re.findall(r'CREATE TABLE (?:IF NOT EXISTS )?(?:call|caller|service) \((.*?)\n\)',
                        text, re.S)
    return set(re.findall(r'(?m)^\s*([a-z]\w*) ', '\n'.join(tables))) - {
        'seq', 'caller', 'service'}


def event_fields_of_schema(text):
    return set(json.loads(text)['properties']) - BESIDE_THE_ROW


@rule('format', tree=True)
def clang_format(root):
    files = [path for path in tracked(root) if re.search(C_FILES, path)]
    if not files:
        return
    try:
        run = subprocess.run(['clang-format-14', '--dry-run', *files], cwd=root,
                             capture_output=True, text=True, check=False)
    except FileNotFoundError:
        yield 'packaging/deps.sh', 1, 'clang-format-14 is not installed'
        return
    for path, line in re.findall(r'(?m)^(.+?):(\d+):\d+: warning:', run.stderr):
        yield path, int(line), 'not as clang-format-14 writes it (make format)'


def listdir(root, folder):
    path = os.path.join(root, folder)
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


def read(root, path):
    try:
        with open(os.path.join(root, path), encoding='utf-8') as file:
            return file.read()
    except (FileNotFoundError, UnicodeDecodeError):
        return ''


def tracked(root):
    """Files that are or would be tracked."""
    run = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=root,
                         capture_output=True, text=True, check=True)
    return sorted(path for path in set(run.stdout.splitlines())
                  if os.path.isfile(os.path.join(root, path)))


def check_text(root, path, text):
    """Findings of one file, as (path, line, rule, message)."""
    source = Source(root, path, text)
    for name, where, but, function in file_rules:
        if where.search(path) and not but.search(path) and not source.excused(name):
            for line, message in function(source):
                yield path, line, name, message


def check_tree(root):
    for name, _, _, function in tree_rules:
        for path, line, message in function(root):
            yield path, line, name, message


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = tracked(root)
    findings = [f for path in paths for f in check_text(root, path, read(root, path))]
    findings += check_tree(root)
    for path, line, name, message in sorted(set(findings)):
        print(f'{path}:{line}: {name}: {message}')
    print(f'style: {len(paths)} files, {len(findings)} findings')
    return bool(findings)


if __name__ == '__main__':
    sys.exit(main())
