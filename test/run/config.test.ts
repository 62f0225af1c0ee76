// Holds how a config is read and what it means, without starting anything: faults and where they are, words, layers.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toJsonSchema } from '@valibot/to-json-schema';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { loadConfig, presetNames } from '../../src/run/config.ts';
import { checkConfig, configSchema } from '../../src/run/config-schema.ts';
import { configEnvironment, configWords, optionOf, settingKeys } from '../../src/run/config-words.ts';
import { jsonFault } from '../../src/run/json-fault.ts';
import { ownOptions } from '../../src/tools/_shared/own-options.ts';

const folder = mkdtempSync(join(tmpdir(), 'vgrun-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.unstubAllEnvs();
});

let count = 0;
/** A folder of its own with these files. */
function place(files: Readonly<Record<string, string>>): string {
  const path = join(folder, String(++count));
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

/** Reads a config of this content as `--config` would. */
function load(config: unknown, ...preset: readonly string[]) {
  const path = place({ 'c.json': typeof config === 'string' ? config : JSON.stringify(config) });
  return loadConfig({ config: 'c.json', preset }, path);
}

async function wordsOf(config: unknown, ...preset: readonly string[]): Promise<readonly string[]> {
  const loaded = await load(config, ...preset);
  return loaded === undefined
    ? []
    : configWords(loaded, 'run').map(({ word }) => word.replace(`${folder}/${count}/`, 'HERE/'));
}

/** `message / hint` of what it is refused with, without the folder. */
async function refusal(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const { message, hint, status } = error as UserError;
    expect([status, message.includes('\n')]).toEqual([125, false]);
    return `${message} / ${hint}`.replaceAll(`${folder}/${count}/`, '');
  }
  throw new Error('it was taken');
}

describe('the words of a config', () => {
  test.each([
    [{ tool: 'drd', timeout: 1.5, keep: 3 }, ['--tool=drd', '--timeout=1.5', '--keep=3']],
    [{ onlyMine: true, all: false }, ['--only-mine', '--no-all']],
    [
      { report: ['html=out.html', 'json=-', 'pretty'] },
      ['--report=html=HERE/out.html', '--report=json=-', '--report=pretty'],
    ],
    [
      { mail: ['a@example.org', 'night.eml'], mailFrom: 'b@example.org', mailIf: 'not-clean' },
      ['--mail=a@example.org', '--mail=HERE/night.eml', '--mail-from=b@example.org', '--mail-if=not-clean'],
    ],
    [{ failOn: ['definite', 'InvalidRead'] }, ['--fail-on=definite,InvalidRead']],
    [{ max: { possible: '4KiB', race: 2 } }, ['--max=possible=4KiB,race=2']],
    [{ maxGrowth: { Ir: '5%', bytes: '4KiB', all: 0 } }, ['--max-growth=Ir=5%,bytes=4KiB,all=0']],
    [{ baseline: 'b.txt', projectRoot: '/src' }, ['--baseline=HERE/b.txt', '--project-root=/src']],
    [
      { ownership: { library: ['vendor/**'], mine: ['a', 'b'] } },
      ['--mine=a', '--mine=b', '--library=vendor/**'],
    ],
    [{ suppressions: ['x.supp'] }, ['--suppressions=HERE/x.supp']],
    [{ knownNoise: ['glib'] }, ['--known-noise=glib']],
    [
      { options: ['--num-callers=40', '-v', '--suppressions=y'] },
      ['--num-callers=40', '-v', '--suppressions=HERE/y'],
    ],
    [{ options: ['--leak-check=full'] }, ['--memcheck:leak-check=full']],
    [{ environment: { A: 'b' }, $schema: 'x' }, []],
  ])('%j', async (config, words) => {
    expect(await wordsOf(config)).toEqual(words);
  });

  test('of presets come after those of the file, in the order in which they are named', async () => {
    const config = {
      timeout: '1s',
      options: ['--num-callers=1'],
      presets: { a: { timeout: '2s' }, b: { timeout: '3s', options: ['--num-callers=2'] } },
    };
    expect(await wordsOf(config, 'b', 'a')).toEqual([
      '--num-callers=1',
      '--timeout=1s',
      '--num-callers=2',
      '--timeout=3s',
      '--timeout=2s',
    ]);
  });

  test('limits and variables of a preset leave the others as they are', async () => {
    const loaded = await load(
      {
        max: { possible: '4KiB', race: 2 },
        maxGrowth: { Ir: '5%', bytes: 0 },
        environment: { A: '1', B: '2', C: '3' },
        presets: { p: { max: { race: 0 }, maxGrowth: { Ir: '1%' }, environment: { B: null, C: '' } } },
      },
      'p',
    );
    if (loaded === undefined) throw new Error('there is no config');
    expect(
      configWords(loaded, 'run')
        .slice(-2)
        .map(({ word }) => word),
    ).toEqual(['--max=possible=4KiB,race=0', '--max-growth=Ir=1%,bytes=0']);
    expect(configEnvironment(loaded)).toEqual({ A: '1', B: undefined, C: '' });
  });

  test('for reading a run are those that are about reading', async () => {
    const loaded = await load({
      tool: 'drd',
      options: ['-v'],
      report: ['json=x'],
      timeout: 1,
      onlyMine: true,
      baseline: '/b',
      color: 'never',
    });
    if (loaded === undefined) throw new Error('there is no config');
    expect(configWords(loaded, 'analysis').map(({ word, origin }) => [word, origin.key])).toEqual([
      ['--baseline=/b', 'baseline'],
      ['--only-mine', 'onlyMine'],
      ['--color=never', 'color'],
    ]);
  });

  test('each of our own options is a setting, but for those that choose settings', () => {
    const exceptions = [
      '--config', // names the config
      '--preset', // chooses in it
      '--mine', // these three are "ownership"
      '--library',
      '--system',
      '--show-secrets', // asked for each time: a project must not decide it for who runs it
    ];
    const set = settingKeys.map(optionOf);
    const unset = ownOptions.map(({ name }) => name).filter((name) => !set.includes(name));
    expect(unset.sort()).toEqual(exceptions.sort());
  });
});

describe('a config that is wrong', () => {
  test.each([
    [
      '{"a": [1,], }',
      'c.json:1:10 is no JSON: a value is expected, but there is "], }" / take away the comma before it',
    ],
    [
      '{\n  // why\n}',
      'c.json:2:3 is no JSON: a name in double quotes is expected, but there is "// why" / JSON has no comments',
    ],
    ['', 'c.json:1:1 is no JSON: a value is expected, but the text ends / mend it there'],
    [
      '{"tool": "memcheck"\n "all": true}',
      'c.json:2:2 is no JSON: , or } is expected, but there is "\\"all\\": true}" / a comma is missing before it',
    ],
    ['[]', 'c.json: it must be an object of settings'],
    ['3', 'c.json: it must be an object of settings'],
    [{ timeOut: 3 }, 'c.json: "timeOut" is no setting / did you mean "timeout"?'],
    [{ 'kill-after': 3 }, 'c.json: "kill-after" is no setting / did you mean "killAfter"?'],
    [{ mine: ['src'] }, 'c.json: "mine" is no setting / write it in "ownership"'],
    [{ constructor: 1 }, 'c.json: "constructor" is no setting / the settings are tool, options,'],
    ['{"__proto__": {}}', 'c.json: "__proto__" is no setting'],
    [{ timeout: 'soon' }, 'c.json: "timeout" must be seconds, or a text such as "30s", "5m" or "1h"'],
    [{ all: 'yes' }, 'c.json: "all" must be true or false'],
    [{ options: '--leak-check=full' }, 'c.json: "options" must be a list of texts'],
    [{ max: [1] }, 'c.json: "max" must be an object, not a list'],
    [{ maxGrowth: [1] }, 'c.json: "maxGrowth" must be an object, not a list'],
    [{ maxGrowth: { Ir: 'lots' } }, 'c.json: "maxGrowth.Ir" must be a whole number, or a text such as "5%"'],
    [{ maxGrowth: { Ir: '5parsecs' } }, 'c.json: "maxGrowth": --max-growth cannot be "Ir=5parsecs"'],
    [{ max: { nonsense: 1 } }, 'c.json: "max": --max does not know "nonsense"'],
    [{ environment: { A: 1 } }, 'c.json: "environment.A" must be a text, or null to take the variable away'],
    [{ environment: { 'A=B': 'x' } }, 'c.json: "environment["A=B"]" must be the name of a variable'],
    [{ failOn: ['definit'] }, 'c.json: "failOn[0]" must be a kind (InvalidRead) or one of definite,'],
    [{ color: 'red', all: 1 }, 'c.json: "all" must be true or false (and 1 more)'],
    [{ presets: { n: { timeout: false } } }, 'c.json: "presets.n.timeout" must be seconds'],
    [{ presets: { n: { presets: {} } } }, 'c.json: "presets.n.presets" is no setting'],
    [{ options: ['prog'] }, 'c.json: "options[0]": "prog" is no option / write it --name=value'],
    [{ options: ['--'] }, 'c.json: "options[0]": "--" is no option'],
    [
      { options: ['-v', '--timeout=3'] },
      'c.json: "options[1]": --timeout has a setting of its own / write "timeout"',
    ],
    [{ options: ['--report'] }, 'c.json: "options[0]": --report has a setting of its own / write "report"'],
    [
      { options: ['--mine=a'] },
      'c.json: "options[0]": --mine has a setting of its own / write "ownership": { "mine": […] }',
    ],
    [{ options: ['--help'] }, 'c.json: "options[0]": --help runs nothing / leave it out'],
  ])('%j', async (config, says) => {
    expect(
      await refusal(async () => {
        const loaded = await load(config);
        if (loaded !== undefined) configWords(loaded, 'run');
      }),
    ).toContain(says);
  });

  test('a preset that is not there is answered with those that are', async () => {
    const config = { presets: { nightly: {}, quick: {} } };
    expect(await refusal(() => load(config, 'nigthly'))).toBe(
      'c.json has no preset "nigthly" / did you mean --preset=nightly? Its presets are nightly, quick',
    );
    expect(await refusal(() => load(config, 'constructor'))).toContain('its presets are nightly, quick');
    expect(await refusal(() => load({}, 'x'))).toContain('it has none');
  });

  test('no JSON value makes the reader throw anything but a UserError', async () => {
    const names = fc.constantFrom(...settingKeys, 'presets', '$schema', '__proto__', 'constructor', 'mine');
    const value = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(
        names,
        fc.oneof(fc.jsonValue(), fc.array(fc.string()), fc.dictionary(names, fc.jsonValue())),
      ),
    );
    await fc.assert(
      fc.asyncProperty(value, async (config) => {
        const path = place({ 'c.json': JSON.stringify(config) });
        try {
          const loaded = await loadConfig({ config: 'c.json', preset: ['x'] }, path);
          if (loaded !== undefined) configWords(loaded, 'run');
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a config of code that throws when it is looked at is refused', async () => {
    const path = place({
      'c.mjs': 'export default { get tool() { throw new Error("boo\\nhoo"); } };',
      'd.mjs': 'export const x = 1;',
      'e.mjs': 'throw 7;',
    });
    const from = (config: string) => refusal(() => loadConfig({ config, preset: [] }, path));
    expect(await from('c.mjs')).toBe('c.mjs cannot be read: boo / a config holds plain values');
    expect(await from('d.mjs')).toBe('d.mjs exports nothing / write: export default { … }');
    expect(await from('e.mjs')).toBe('e.mjs could not be loaded: 7 / mend it there');
  });
});

describe('a config is found', () => {
  test.each([
    ['package.json', '{"vgrun": {"timeout": 7}}'],
    ['vgrun.config.json', '{"timeout": 7}'],
    ['vgrun.config.ts', 'const timeout: number = 7;\nexport default { timeout };'],
    ['vgrun.config.mts', 'enum Time { Short = 7 }\nexport default { timeout: Time.Short };'],
    ['vgrun.config.js', 'module.exports = { timeout: 7 };'],
    ['vgrun.config.mjs', 'export default Promise.resolve({ timeout: 7 });'],
    ['.vgrunrc', '\uFEFF{"timeout": 7}'],
    ['.vgrunrc.json', '{"timeout": 7}'],
  ])('as %s, also from a folder below', async (name, text) => {
    const path = place({ [name]: text });
    mkdirSync(join(path, 'a/b'), { recursive: true });
    const loaded = await loadConfig({ preset: [] }, join(path, 'a/b'));
    expect([loaded?.file, loaded?.config]).toEqual([join(path, name), { timeout: 7 }]);
  });

  test('past a package.json that has vgrun only as a dependency, or is broken', async () => {
    const path = place({ '.vgrunrc': '{"all": true}' });
    for (const [name, text] of [
      ['a', '{"devDependencies": {"vgrun": "1"}}'],
      ['b', '{"vgrun": '],
      ['c', '[]'],
    ] as const) {
      mkdirSync(join(path, name));
      writeFileSync(join(path, name, 'package.json'), text);
      expect((await loadConfig({ preset: [] }, join(path, name)))?.file).toBe(join(path, '.vgrunrc'));
    }
  });

  test('and faults in a package.json are named by their whole path', async () => {
    const path = place({ 'package.json': '{"vgrun": {"presets": {"n": {"keep": -1}}}}' });
    expect(await refusal(() => loadConfig({ preset: [] }, path))).toContain(
      'package.json: "vgrun.presets.n.keep" must not be negative',
    );
  });

  test('but not taken when everybody can write it; named, it is', async () => {
    const path = place({ '.vgrunrc': '{"keep": 7}' });
    chmodSync(join(path, '.vgrunrc'), 0o666);
    expect(await refusal(() => loadConfig({ preset: [] }, path))).toContain(
      '.vgrunrc can be written by everybody, so it is not used',
    );
    expect((await loadConfig({ config: '.vgrunrc', preset: [] }, path))?.config.keep).toBe(7);
    expect(await loadConfig({ config: false, preset: [] }, path)).toBeUndefined();
  });

  test.skipIf(process.getuid?.() !== 0)(
    'but not taken when it belongs to another user, unless to the one who called sudo (needs root)',
    async () => {
      const path = place({ '.vgrunrc': '{"keep": 7}' });
      chownSync(join(path, '.vgrunrc'), 12345, 12345);
      const refused =
        '.vgrunrc belongs to another user, so it is not used / if you trust it: --config=.vgrunrc; to go on without it: --no-config';
      vi.stubEnv('SUDO_UID', undefined);
      expect(await refusal(() => loadConfig({ preset: [] }, path))).toBe(refused);
      for (const other of ['1234', '', 'x', '12345x']) {
        vi.stubEnv('SUDO_UID', other);
        expect(await refusal(() => loadConfig({ preset: [] }, path)), other).toBe(refused);
      }
      vi.stubEnv('SUDO_UID', '12345');
      expect((await loadConfig({ preset: [] }, path))?.config.keep).toBe(7);
      chmodSync(join(path, '.vgrunrc'), 0o666);
      expect(await refusal(() => loadConfig({ preset: [] }, path))).toContain('can be written by everybody');
      vi.stubEnv('SUDO_UID', undefined);
      expect((await loadConfig({ config: '.vgrunrc', preset: [] }, path))?.config.keep).toBe(7);
    },
  );

  test.skipIf(process.getuid?.() === 0)(
    'but not passed over when it cannot be read (root can read all)',
    async () => {
      const path = place({ '.vgrunrc': '{"keep": 7}' });
      chmodSync(join(path, '.vgrunrc'), 0);
      expect(await refusal(() => loadConfig({ preset: [] }, path))).toBe(
        '.vgrunrc cannot be read: permission denied / mend that, or go on without it: --no-config',
      );
      expect(await refusal(() => loadConfig({ config: '.vgrunrc', preset: [] }, path))).toBe(
        '.vgrunrc cannot be read: permission denied / check what --config names',
      );
      expect(await loadConfig({ config: false, preset: [] }, path)).toBeUndefined();
    },
  );

  test('for completion without running what is code', async () => {
    const path = place({ 'vgrun.config.mjs': 'throw new Error("it was run");' });
    expect(await presetNames({ preset: [] }, path)).toEqual([]);
    expect(await presetNames({ preset: [] }, place({ '.vgrunrc': '{"presets":{"n":{}}}' }))).toEqual(['n']);
    expect(await presetNames({ preset: [] }, place({ '.vgrunrc': '{' }))).toEqual([]);
  });
});

describe('the JSON Schema', () => {
  const schema = toJsonSchema(configSchema, { errorMode: 'ignore' });
  const accepts = new Ajv({ strict: false }).compile(schema as object);

  test.each([
    [{ $schema: 'x', tool: 'drd', presets: { n: { max: { race: 2, definite: '0B' } } } }, true],
    [{ tool: 3 }, false],
    [{ presets: { n: { presets: {} } } }, false],
    [{ environment: { A: null } }, true],
    [{ timeout: '5m', options: ['-v'] }, true],
    [{ timeout: 'soon' }, false],
  ])('says of %j the same as the check: %s', (config, right) => {
    expect([accepts(config), 'config' in checkConfig(config)]).toEqual([right, right]);
  });

  test('has a description for each setting', () => {
    const properties = schema.properties as Readonly<Record<string, { description?: string }>>;
    expect(Object.keys(properties)).toEqual(['$schema', ...settingKeys, 'presets']);
    for (const [name, { description }] of Object.entries(properties))
      expect(description, name).toMatch(/\.$/);
  });
});

describe('where a text stops being JSON', () => {
  test('is found exactly where JSON.parse finds a fault', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '1',
      '-',
      'true',
      ' ',
      '\n',
      '"',
      '\\',
      'x',
      '0',
    );
    const texts = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
      fc.string(),
      fc.json(),
      fc.tuple(fc.json(), fc.nat(), fc.string({ maxLength: 2 })).map(([json, at, text]) => {
        const cut = at % (json.length + 1);
        return json.slice(0, cut) + text + json.slice(cut);
      }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        let right = true;
        try {
          JSON.parse(text);
        } catch {
          right = false;
        }
        expect(jsonFault(text) === undefined).toBe(right);
      }),
      { numRuns: 3000 },
    );
  });

  test('costs no stack', () => {
    expect(jsonFault('['.repeat(200_000))).toMatchObject({ line: 1, column: 200_001 });
  });
});
