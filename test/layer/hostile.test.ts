/** Hostile archives, unpacked as the user who runs the tests and, when that is root, as a normal user too. */
import { execFile } from 'node:child_process';
import { chmodSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundle } from '../support/bundle.ts';
import { HOSTILE_CASES } from '../support/hostile-cases.ts';
import type { HostileOutcome } from '../support/hostile-program.ts';
import { needs } from '../support/needs.ts';
import { tempDir } from '../support/temp.ts';

const NOBODY = '65534';
const isRoot = process.getuid?.() === 0;

test('there are enough of them, each once', () => {
  expect(new Set(HOSTILE_CASES.map(({ name }) => name)).size).toBe(HOSTILE_CASES.length);
  expect(HOSTILE_CASES.length).toBeGreaterThanOrEqual(60);
});

const run = promisify(execFile);
const users = isRoot && needs('setpriv') ? ['root', 'nobody'] : ['this user'];
const scratch = new Map(users.map((user) => [user, tempDir('hostile')]));
const outcomes = new Map<string, Map<string, HostileOutcome>>();

beforeAll(async () => {
  const program = await bundle('test/support/hostile-program.ts', { workers: true, native: true });
  await Promise.all(
    users.map(async (user) => {
      const dir = scratch.get(user)!;
      chmodSync(dir, 0o777);
      const asNobody = ['setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'];
      const [file, ...args] = [...(user === 'nobody' ? asNobody : []), process.execPath, program, dir];
      const { stdout } = await run(file!, args, { maxBuffer: 1 << 28, cwd: dir });
      const list = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as HostileOutcome);
      outcomes.set(user, new Map(list.map((outcome) => [outcome.name, outcome])));
    }),
  );
}, 300_000);

describe.each(users)('as %s', (user) => {
  test.each(HOSTILE_CASES)('$name', (hostile) => {
    const outcome = outcomes.get(user)!.get(hostile.name)!;
    const normal = user !== 'root';
    const expected = (normal ? hostile.asUser : undefined) ?? hostile.expected;
    if (typeof expected === 'string') {
      expect(outcome).toMatchObject({ error: expected });
      expect(outcome.message).toContain(hostile.message ?? '');
      expect(outcome.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    } else {
      expect(outcome.tree ?? outcome).toEqual(
        typeof expected === 'function' ? expected(`${scratch.get(user)}/outside`) : expected,
      );
      if (normal && hostile.userLosses !== undefined) {
        expect(Object.keys(outcome.losses!)).toEqual(expect.arrayContaining([...hostile.userLosses]));
      }
    }
    expect(outcome.touched).toBe('');
    expect(outcome.ms).toBeLessThan(20_000);
  });

  test('nothing else is left beside the target', () => {
    expect(readdirSync(scratch.get(user)!)).toEqual([]);
  });
});
