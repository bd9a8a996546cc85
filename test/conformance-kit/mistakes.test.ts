/** The mistakes that authors of sources make: the kit names each, and only it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type ConformanceReport, runConformance, type Subject } from '../../src/conformance/kit.ts';
import { tempDir } from '../support/temp.ts';

const sources = new URL('mistakes.js', import.meta.url);

/** Mistakes that the kit finds by waiting. */
const WAITED_FOR = ['a directory left', 'aborts heard at the start only', 'aborts heard late'];

/** Runs the kit on the source of that mistake; another process has it from a module of its own. */
async function report(name: string): Promise<ConformanceReport> {
  const path = join(tempDir('mistake'), 'source.mjs');
  const made = `mistake(${JSON.stringify(name)})`;
  writeFileSync(path, `import { mistake } from '${sources.href}';\nexport const { source, prepare } = ${made};\n`);
  const { mistake } = (await import(sources.href)) as {
    mistake: (name: string) => Pick<Subject, 'source' | 'prepare'>;
  };
  const patience = WAITED_FOR.includes(name) ? 500 : undefined;
  return runConformance({ ...mistake(name), origin: { module: pathToFileURL(path).href }, aborts: 4, patience });
}

const failures = ({ checks }: ConformanceReport): (readonly [number, string])[] =>
  checks.filter(({ status }) => status === 'failed').map(({ rule, detail }) => [rule, detail!]);

/** Mistake, and what the kit says of it: the rules, and the words of the first failure. */
const MISTAKES: readonly (readonly [mistake: string, rules: readonly number[], says: RegExp])[] = [
  ['no rebase', [1], /^the source has no rebase: a lock file that is read from a subdirectory/],
  [
    'a rebase that forgets from where',
    [1],
    /^rebase makes \S+ of it for \S+, and of that \S+ for \S+: that is \S+, not \S+\.env$/,
  ],
  ['a path in the key', [2, 3], /^the same content is sha256:\w+ in one directory and sha256:\w+ in another$/],
  ['a random value in the key', [2, 3, 4, 9], /^a second instance gave another key$/],
  ['a random file', [7], /^two snapshots of the same content differ: \.\/random has other content$/],
  ['times as they come', [7], /^two snapshots .*: \.\/env\/DB_HOST has another mtime .* with utimes/],
  [
    'modes as they come',
    [7],
    /other settings.*: \.\/env\/DB_HOST has mode 644 in one, 640 in the other: set it with chmod/,
  ],
  ['half a tree', [8], /^snapshot, aborted .*, (went on to its end: hand job\.signal|left something half-made that)/],
  [
    'a directory left',
    [8],
    /^snapshot, aborted .* left a directory of store\.tempDir\(\).*: remove it when the work fails/,
  ],
  [
    'no ear for aborts',
    [8],
    /^cacheKey, aborted before the start, went on to its end: .*throwIfAborted\(\) before each file/,
  ],
  ['aborts heard at the start only', [8], /^snapshot, aborted .*, went on to its end/],
  ['aborts heard late', [8], /^snapshot, aborted .*, had not ended 0\.5 s later: hand job\.signal to what waits/],
  ['an abort called a failure', [8], /^snapshot, .* something else than the signal's reason: E_IO: it did not work/],
  [
    'a dropped attribute',
    [1],
    /^the identifier drops the attribute only: identify\(\) has to return it in id\.attributes/,
  ],
  [
    'another value of the attribute',
    [1],
    /^env-file:.* with its attributes is sha256:\w+, read back it is sha256:\w+: /,
  ],
  [
    'a key without the attribute',
    [2],
    /^the attribute only changes the files \(\.\/env\/LOG .*\), and not the content key/,
  ],
  [
    'an attribute that does nothing',
    [2],
    /^the attribute only changes nothing: keys and files are the same without it$/,
  ],
  [
    'an attribute that is never tried',
    [2],
    /^the attribute only is never tried: .* return variants: \[\{ "only": "DB_" \}\]$/,
  ],
  ['a secret in the key', [3], /^the attribute token is marked as a secret, and the content key depends on it/],
  ['a secret in a pin', [3], /^the value of the secret token stands in a key, its pin or its preimage: a secret/],
  ['a secret in the JSON', [3], /^the value of the secret token stands in the JSON of the identifier/],
  ['a secret in the store', [3], /^the value of the secret token stands in \/.*\/records\//],
  ['a secret in a message', [3], /^the value of the secret token stands in a message of an error/],
  [
    'a throw in another process',
    [2, 7],
    /in another process: TypeError: .* \(mistakes\.js\S* line \d+\); hint: [^\n]*CtxsrcError/,
  ],
  ['an end in another process', [2, 7], /^the source failed in another process: it ended without an answer$/],
];

describe('the kit', { timeout: 60_000 }, () => {
  it('passes the source that the mistakes are made in', async () => {
    expect(failures(await report('none'))).toEqual([]);
  });

  it.each(MISTAKES)('names the mistake: %s', async (mistake, rules, says) => {
    const made = await report(mistake);
    const found = failures(made);
    expect([mistake, made.brokenRules, found]).toEqual([mistake, rules, found]);
    expect(found[0]![1]).toMatch(says);
    for (const [, detail] of found) expect(detail).not.toContain('\n');
  });
});
