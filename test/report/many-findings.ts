// A made-up report of as many distinct findings as wanted: what the benches and the tests of size render.
import type {
  Finding,
  Report,
  ReportFrame,
  ReportProcess,
  ReportStack,
  Rule,
} from '../../src/model/report.ts';

/** How often each sort occurs among a hundred findings. */
const sorts = [
  { kind: 'Leak_DefinitelyLost', title: 'Memory definitely lost', severity: 'error', share: 30 },
  { kind: 'Leak_PossiblyLost', title: 'Memory possibly lost', severity: 'warning', share: 12 },
  { kind: 'Leak_StillReachable', title: 'Memory still reachable', severity: 'info', share: 8 },
  { kind: 'InvalidRead', title: 'Invalid read', severity: 'critical', share: 20 },
  { kind: 'InvalidWrite', title: 'Invalid write', severity: 'critical', share: 10 },
  { kind: 'UninitCondition', title: 'Decision on an uninitialised value', severity: 'error', share: 20 },
] as const;
const sortOfShare = sorts.flatMap((sort) => Array.from({ length: sort.share }, () => sort));

/** The file that only every thousandth finding has a call in; a search for it must give that many. */
export const rareFile = 'needle.c';

/**
 * A report as a large C program gives it: stacks of 12 to 20 calls that share their outer part, one to three stacks,
 * an excerpt, a suppression and the raw text for each finding. The same for the same numbers.
 */
export function manyFindings(count: number): Report {
  const random = createRandom();
  const frames = createFrames();
  const processes = Array.from({ length: 12 }, (_, image): ReportProcess => processOf(image));
  const findings: Finding[] = [];
  for (let number = 0; number < count; number++) findings.push(findingOf(number, frames, random));
  const rules = sorts.map(
    ({ kind, title, severity }): Rule => ({
      id: `memcheck/${kind}`,
      severity,
      title,
      meaning: `What ${title.toLowerCase()} means, in one sentence.`,
      advice: 'What to do next, in one sentence.',
      causes: ['A cause that is often met.', 'Another one.'],
      fixes: ['A way to mend it.'],
      falsePositives: [],
      options: ['--track-origins=yes'],
    }),
  );
  return {
    version: 1,
    vgrun: '0.1.0',
    outcome: 'findings',
    reasons: [`${count} findings in ${processes.length} processes`],
    status: 100,
    tool: { name: 'memcheck', version: '3.19.0' },
    run: {
      id: '20260801-120000-server',
      directory: '/home/ann/server/.vgrun/runs/20260801-120000-server',
      command: ['./server', '--port', '8080'],
      toolOptions: ['--leak-check=full'],
      startedAt: '2026-08-01T12:00:00.000Z',
      durationMs: 64_000,
      exit: { how: 'exited', code: 0 },
      projectRoot: '/home/ann/server',
    },
    findings,
    rules: rules.filter(({ id }) => findings.some(({ rule }) => rule === id)),
    totals: { errors: { errors: count * 3, contexts: count }, computed: ['errors'] },
    processes,
    suppressions: [],
    messages: [],
    problems: [],
  };
}

/** Numbers from 0 up to a limit, always the same (xorshift). */
function createRandom(): (limit: number) => number {
  let state = 0x2545f491;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** Frames as readers give them: equal ones are one object. */
function createFrames(): (name: string, file: string, line: number) => ReportFrame {
  const known = new Map<string, ReportFrame>();
  return (name, file, line) => {
    const key = `${name} ${file} ${line}`;
    let frame = known.get(key);
    if (frame === undefined) {
      frame = {
        ip: `0x${(0x400000 + known.size * 16).toString(16).toUpperCase()}`,
        object: '/home/ann/server/build/server',
        function: name,
        directory: `/home/ann/server/${file.slice(0, file.lastIndexOf('/'))}`,
        file: file.slice(file.lastIndexOf('/') + 1),
        line,
        owner: 'mine',
        ownerReason: 'source-in-project',
        path: file,
      };
      known.set(key, frame);
    }
    return frame;
  };
}

const parts = ['net', 'http', 'parse', 'cache', 'store', 'auth', 'log', 'json', 'list', 'pool'];
const verbs = ['read', 'write', 'open', 'push', 'find', 'make', 'copy', 'drop', 'send', 'step'];

const malloc: ReportFrame = {
  ip: '0x48417B4',
  object: '/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so',
  function: 'malloc',
  owner: 'tool',
  ownerReason: 'instrument',
};
const libcFrames = ['__libc_start_call_main', '__libc_start_main@@GLIBC_2.34', '(below main)'].map(
  (name, index): ReportFrame => ({
    ip: `0x48EE1C${index}`,
    object: '/usr/lib/x86_64-linux-gnu/libc.so.6',
    function: name,
    owner: 'system',
    ownerReason: 'system',
  }),
);

type Frames = ReturnType<typeof createFrames>;
type Random = ReturnType<typeof createRandom>;

/** The outer calls come from few functions, the inner ones from many: as in a real program. */
function callsOf(number: number, frames: Frames, random: Random): readonly ReportFrame[] {
  const depth = 9 + random(8);
  const calls: ReportFrame[] = [];
  for (let level = 0; level < depth; level++) {
    const choices = Math.min(2 + level * level * 4, 400);
    const choice = random(choices);
    const part = parts[(choice + level) % parts.length] ?? 'net';
    const verb = verbs[Math.floor(choice / 10) % verbs.length] ?? 'read';
    calls.unshift(frames(`${part}_${verb}_${choice}`, `src/${part}/${verb}.c`, 20 + choice * 3));
  }
  const part = parts[number % parts.length] ?? 'net';
  const file = number % 1000 === 0 ? rareFile : `${part}_${number % 700}.c`;
  calls.unshift(frames(`${part}_work_${number}`, `src/${part}/${file}`, 10 + (number % 900)));
  return [...calls, frames('main', 'src/main.c', 40), ...libcFrames];
}

function findingOf(number: number, frames: Frames, random: Random): Finding {
  const sort = sortOfShare[number % sortOfShare.length] ?? sorts[0];
  const { kind, title, severity } = sort;
  const leak = kind.startsWith('Leak_');
  const calls = callsOf(number, frames, random);
  const bytes = 16 * (1 + random(4000));
  const what = leak
    ? `${bytes} bytes in 1 blocks are ${title.slice(7)} in loss record ${number} of 50,000`
    : kind === 'UninitCondition'
      ? 'Conditional jump or move depends on uninitialised value(s)'
      : `${title} of size ${2 ** (number % 4)}`;
  const stacks: ReportStack[] = [{ label: 'at', frames: leak ? [malloc, ...calls] : calls }];
  if (kind.startsWith('Invalid')) {
    stacks.push({
      label: number % 2 === 0 ? 'freed at' : 'allocated at',
      text: `Address 0x${(0x4a40000 + number * 64).toString(16)} is 0 bytes after a block of size ${bytes} alloc'd`,
      frames: [malloc, ...callsOf(number * 10 + 1, frames, random)],
    });
  }
  const id = fingerprintOf(number);
  const blamed = calls[0];
  const image = number % 12;
  return {
    id: `F-${id.slice(0, 12)}`,
    fingerprint: id,
    rule: `memcheck/${kind}`,
    tool: 'memcheck',
    kind,
    severity,
    title,
    error: severity !== 'info',
    failing: severity !== 'info',
    hidden: kind === 'Leak_StillReachable',
    what,
    details: [],
    stacks,
    blamed: { stack: 0, frame: leak ? 1 : 0 },
    excerpt: {
      firstLine: Math.max(1, (blamed?.line ?? 3) - 2),
      lines: [
        `static int work_${number}(struct state *state) {`,
        '  char *buffer = state->buffer;',
        `  buffer[state->size + ${number % 64}] = next(state);`,
        '  return state->size;',
        '}',
      ],
    },
    raw: {
      artifact: `valgrind.${100 + image}.xml`,
      offset: number * 2000,
      text: flat(
        `<error>\n  <unique>0x${number.toString(16)}</unique>\n  <tid>1</tid>\n  <kind>${kind}</kind>\n  <what>${what}</what>\n  <stack>\n${calls
          .slice(0, 6)
          .map(
            ({ ip, function: name, file, line }) =>
              `    <frame>\n      <ip>${ip}</ip>\n      <fn>${name}</fn>\n      <file>${file}</file>\n      <line>${line}</line>\n    </frame>\n`,
          )
          .join('')}`,
      ),
      cut: true,
    },
    count: leak ? 1 : 1 + random(30),
    atLeast: false,
    ...(leak && {
      leak: { bytes, directBytes: bytes, indirectBytes: 0, blocks: 1 + random(9), check: 1 },
    }),
    suppression: flat(
      `{\n   <insert_a_suppression_name_here>\n   Memcheck:${leak ? 'Leak' : 'Addr4'}\n${calls
        .slice(0, 12)
        .map(({ function: name }) => `   fun:${name}\n`)
        .join('')}}\n`,
    ),
    seenIn: [{ image, pid: 100 + image, count: 1, inherited: false }],
  };
}

/** The text as readers give it, in one piece; what is put together here is otherwise kept as a tree of its parts. */
function flat(text: string): string {
  return Buffer.from(text).toString();
}

/** 64 hex digits that differ for each number. */
function fingerprintOf(number: number): string {
  let text = '';
  let state = number + 1;
  for (let part = 0; part < 8; part++) {
    state = Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x9e3779b9;
    state ^= state >>> 13;
    text += (state >>> 0).toString(16).padStart(8, '0');
  }
  return flat(text);
}

function processOf(image: number): ReportProcess {
  return {
    image,
    pid: 100 + image,
    ...(image > 0 && { ppid: 100, parent: 0 }),
    program: image === 0 ? './server' : `./worker${image}`,
    argv: image === 0 ? ['./server', '--port', '8080'] : [`./worker${image}`],
    forked: false,
    end: 'finished',
    exit: image === 0 ? { how: 'exited', code: 0 } : { how: 'unknown' },
    complete: true,
    startedMs: image * 3000,
    endedMs: image === 0 ? 64_000 : 20_000 + image * 3500,
    findings: 1,
    totals: { computed: [] },
  };
}
