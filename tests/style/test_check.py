#!/usr/bin/env python3
"""Each rule of check.py against text that breaks it and, where it could overreach, text that does
not. To add a case: a row (rule, path, text, lines that must be found)."""
import os
import tempfile
import unittest

import check

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPEN = '/* What it is for. */\n'  # line 1 of every good file

CASES = [
    ('layer', 'src/http/h1.c', '#include "meter/usage.h"\n', [1]),
    ('layer', 'src/http/h1.c', '#include "base/span.h"\n# include "agent/loop.h"\n', [2]),
    ('layer', 'src/http/h1.c', '#include "capture/chunk.h"\n#include "http/h1.h"\n', []),
    ('layer', 'src/http/h1.c', '#include "capture/ring.h"\n#include <meter/usage.h>\n', [1]),
    ('layer', 'src/base/buf.h', '#include "base/span.h"\n#include "bpf/event.h"\n', [2]),
    ('layer', 'src/agent/main.c', '#include "sink/sink.h"\n', []),
    ('layer', 'src/nowhere/x.c', 'int x_do(void);\n', [1]),

    ('export', 'src/base/x.c', 'int y_do(void)\n{\n\treturn 0;\n}\n', [1]),
    ('export', 'src/base/x.c', 'int x_do(void)\n{\n\treturn 0;\n}\nint x;\n', []),
    ('export', 'src/base/x.c', 'static int y_do(void)\n{\n\treturn 0;\n}\n', []),
    ('export', 'src/base/x.c', 'int y_do(void);\nint main(void)\n{\n}\n', []),
    ('export', 'src/base/x.c', 'struct t *\ny_get(int (*f)(void *), void *p)\n{\n}\n', [1]),
    ('export', 'src/base/x.c', 'const int ys[] = { 1, 2 };\nconst struct t y = {};\n', [1, 2]),
    ('export', 'src/base/x.c', 'struct t {\n\tint a;\n};\nenum e { A };\nstruct f;\n', []),
    ('export', 'src/base/x.c', 'CLEANUP_FOR(t, struct t *, t_free)\n\nint y(void)\n{\n}\n', [1]),
    ('export', 'src/base/x.c', '__attribute__((format(printf, 1, 2))) int y(char *f, ...)\n{\n}\n',
     [1]),
    ('export', 'src/base/text.c', 'int span_more(void)\n{\n}\n', [1]),   # span.h has it not
    ('export', 'src/base/text.c', 'int span_trim(void)\n{\n}\n', []),     # span.h declares it
    ('export', 'src/base/x.c', '/* int y(void) { } */\n#define Y int y(void) {\n', []),

    ('global', 'src/base/x.c', 'static int seen;\n', [1]),
    ('global', 'src/base/x.c', 'int x_seen = 3;\nstatic char room[64];\n', [1, 2]),
    ('global', 'src/base/x.c', 'static const char *names[] = { "a" };\n', [1]),
    ('global', 'src/base/x.c', 'static const char *const names[] = { "a" };\nconst int x = 1;\n',
     []),
    ('global', 'src/base/x.c', 'static int f(int a)\n{\n\tint b = a;\n\treturn b;\n}\n', []),
    ('global', 'src/base/x.c', 'struct t {\n\tint a;\n};\nstruct t;\nint f(void);\n', []),

    ('long', 'src/base/x.c', 'static int f(void)\n{\n' + '\tg();\n' * 41 + '}\n', [1]),
    ('long', 'src/base/x.c', 'static int f(int a,\n\t     int b)\n{\n' + '\tg();\n' * 40 + '}\n',
     []),
    ('long', 'src/base/x.c', OPEN * 401, [401]),
    ('long', 'src/base/x.h', OPEN * 121, [121]),
    ('long', 'bpf/x.bpf.c', OPEN * 301, [301]),
    ('long', 'src/base/x.c', '/* style: long, because a table. */\n' * 401, []),
    ('long', 'tests/unit/base/x.c', OPEN * 401, []),

    ('word', 'src/base/x.c', 'void x(char *a)\n{\n\tstrcpy(a, "b");\n\tsprintf(a, "c");\n}\n',
     [3, 4]),
    ('word', 'src/base/x.c', 'int x = atoi("1");\n/* strcat */\nchar y[] = "gets";\n', [1]),
    ('word', 'src/base/x.c', 'int x_gets(void);\nint snprintf_x;\nstrncmp(a, b, 1);\n', []),
    ('word', 'src/base/x.h', 'typedef struct x {\n\tint a;\n} x_t;\ntypedef struct y y_t;\n',
     [1, 4]),
    ('word', 'src/base/x.h', 'typedef bool x_fn(void *ctx, struct x *x);\n', []),
    ('float', 'src/price/x.c', 'double usd;\nfloat f(void);\n/* double */\n', [1, 2]),
    ('print', 'src/price/x.c', 'fprintf(stderr, "x");\nsyslog(1, "x");\nputs("x");\n', [1, 2, 3]),
    ('print', 'src/price/x.c', 'buf_printf(b, "x");\nsnprintf(b, 1, "x");\n', []),
    ('print', 'src/cli/x.c', 'printf("x");\n', []),
    ('comment', 'src/base/x.c', OPEN + 'int x; // one\nchar y[] = "http://a";\n', [2]),
    ('comment', 'src/base/x.c', '#include <stdio.h>\n' + OPEN, [1]),
    ('assign', 'src/base/x.c', 'if ((n = read(0, b, 1)) < 0)\n\tx();\nwhile (a = b)\n', [1, 3]),
    ('assign', 'src/base/x.c', 'if (a == b && c <= d && e != f)\nif (t((struct s){ .a = 1 }))\n',
     []),
    ('assign', 'src/base/x.c', 'if (a)\n\tb = c;\nfor (a = b; a; a = b)\n', []),
    ('pragma', 'src/base/x.h', OPEN + '#ifndef X_H\n', [1]),
    ('pragma', 'src/base/x.h', OPEN + '#pragma once\n', []),
    ('unfinished', 'src/base/x.c', OPEN + '/* TO' 'DO: more */\n/* FIX' 'ME */\n', [2, 3]),
    ('unfinished', 'README.md', 'a mkdtemp-XXXXXX\n', []),
    ('columns', 'src/base/x.c', '\t' * 12 + 'abcd\n' + '\t' * 12 + 'abcde\n', [2]),
    ('space', 'src/base/x.c', 'int a; \nint b;\n        int c;\n', [1, 3]),
    ('space', 'README.md', 'a\n        b\nc\t\n', [3]),
    ('machine', 'README.md', 'see /wo' 'rk/main/x\nand ../wo' 'rk/x\nor /ro' 'ot/.bashrc\n',
     [1, 3]),
    ('machine', 'tests/x.c', 'char t[] = "/t' 'mp/x-XXXXXX";\nopen("/t' 'mp/x");\n', [2]),
    ('machine', 'packaging/x.sh', 'curl https://pyp' 'i.org/simple\nrepo1.ma' 'ven.org\n', [1, 2]),
    ('machine', 'tests/e2e/pom.xml', 'xmlns="http://maven.apache.org/POM/4.0.0"\n', []),
]

TREES = [
    ('vectors', {'config/providers/a.yaml': 'name: a\n'}, ['config/providers/a.yaml']),
    ('vectors', {'config/providers/a.yaml': '', 'tests/vectors/a/plain/request': 'x'}, []),
    ('option', {'src/agent/options.c': 'CYAML_FIELD_STRING_PTR("kafka", X),\n'
                                       '\tCYAML_FIELD_UINT(\n\t"ring", X)\n',
                'config/outlayd.yaml': '# kafka: localhost:9092\n'}, ['src/agent/options.c']),
    ('event', {'src/budget/verdict.c': 'const struct verdict_field verdict_fields[] = {\n'
                                       '\tTEXT("model", usage.model),\n\t{ "cost_pico", 1 },\n};\n',
               'src/ledger/schema.sql': 'CREATE TABLE call (\n\tseq INTEGER,\n\tmodel TEXT\n);\n',
               'include/outlay/event.schema.json': '{"properties": {"model": {}, "pid": {}}}'},
     ['include/outlay/event.schema.json', 'src/budget/verdict.c', 'src/ledger/schema.sql',
      'src/ledger/schema.sql']),
    ('format', {'src/base/x.c': 'int  x( void ) {\nreturn 1;}\n'}, ['src/base/x.c'] * 3),
    ('format', {'src/base/x.c': '/* x */\nint x(void);\n'}, []),
]


class Rules(unittest.TestCase):
    def test_every_rule_of_a_file(self):
        for rule, path, text, lines in CASES:
            with self.subTest(rule=rule, text=text[:60]):
                found = [line for _, line, name, _ in check.check_text(ROOT, path, text)
                         if name == rule]
                self.assertEqual(found, lines)

    def test_every_rule_of_the_tree(self):
        for rule, files, paths in TREES:
            with self.subTest(rule=rule, files=sorted(files)), \
                    tempfile.TemporaryDirectory() as root:
                for path, text in files.items():
                    os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                    with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
                        file.write(text)
                check.subprocess.run(['git', 'init', '-q'], cwd=root, check=True)
                found = [path for path, _, name, _ in check.check_tree(root) if name == rule]
                self.assertEqual(sorted(set(found)), sorted(set(paths)))

    def test_no_rule_is_without_a_case(self):
        rules = {name for name, *_ in check.file_rules + check.tree_rules}
        cases = {rule for rule, _, _, lines in CASES if lines} | \
                {rule for rule, _, paths in TREES if paths}
        self.assertEqual(rules, cases)


if __name__ == '__main__':
    unittest.main()
