#!/bin/bash
# Lines and branches of src/ that the tests reach, by folder, from the programs in
# build/cov/tests/unit and, where they were built (they need root), build/cov/tests/bpf. Fails when
# a folder of the line from base to policy is under FLOOR % of its lines; with REPORT_ONLY=1 it only
# says so.
set -eu
cd "$(dirname "$0")/.."
FLOOR=${FLOOR:-95}
HELD='base capture http meter price budget alert policy'

units=() probes=() objects=()
for program in build/cov/tests/unit/*/* build/cov/tests/bpf/*; do
	[ -x "$program" ] || continue # the objects beside them are not
	case $program in
	*/bpf/*) probes+=("$program") ;;
	*) units+=("$program") ;;
	esac
	objects+=(-object "$program")
done
[ ${#units[@]} != 0 ] || { echo "coverage: no test programs in build/cov/tests/unit" >&2; exit 1; }

rm -rf build/cov/profile
export LLVM_PROFILE_FILE=$PWD/build/cov/profile/%p.profraw
tests/run.sh "${units[@]}"
JOBS=1 tests/run.sh "${probes[@]}" # a probe is the machine's: each would see the clients of the others
llvm-profdata merge -sparse build/cov/profile/*.profraw -o build/cov/profile/all
# Static functions of one name in two files of one name (x.c and its test) hide each other: llvm-cov
# warns of each. They are few; telling them apart moved no folder by half a percent.
llvm-cov export -summary-only -instr-profile build/cov/profile/all "${objects[@]:1}" "$PWD/src" \
	>build/cov/profile/summary.json 2> >(grep -v 'mismatched data' >&2)

python3 - "$FLOOR" "$HELD" "${REPORT_ONLY:-}" build/cov/profile/summary.json <<'P'
import collections, json, sys

floor, held, report_only, summary = float(sys.argv[1]), sys.argv[2].split(), *sys.argv[3:]
folders = collections.defaultdict(collections.Counter)
for file in json.load(open(summary))['data'][0]['files']:
    path = file['filename'].split('/src/')[-1].split('/')
    if '/src/' not in file['filename'] or len(path) != 2:
        continue
    for kind in ('lines', 'branches'):
        folders[path[0]][kind] += file['summary'][kind]['count']
        folders[path[0]][kind + '_covered'] += file['summary'][kind]['covered']

def share(counts, kind):
    return 100 * counts[kind + '_covered'] / counts[kind] if counts[kind] else 100

low = []
print(f'{"folder":<10}{"lines":>8}{"reached":>9}{"branches":>10}{"reached":>9}')
for name in sorted(folders, key=lambda n: (held.index(n) if n in held else 99, n)):
    c = folders[name]
    lines, branches = share(c, 'lines'), share(c, 'branches')
    if name in held and lines < floor:
        low.append(name)
    print(f'{name:<10}{c["lines"]:>8}{lines:>8.1f}%{c["branches"]:>10}{branches:>8.1f}%'
          + ('  under the floor' if name in low else ''))
missing = [name for name in held if name not in folders]
if missing:
    print('not measured:', *missing)
if (low or missing) and not report_only:
    sys.exit(f'coverage: under {floor:g} % of lines: {" ".join(low + missing)}')
P
