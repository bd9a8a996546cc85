import { appendFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { StoreDirectory } from '../../../src/store/layout.ts';
import { ownIdentity } from '../../../src/store/process-identity.ts';
import { Leases } from '../../../src/store/sharing/leases.ts';
import { Locks } from '../../../src/store/sharing/locks.ts';
import { findUsers } from '../../../src/store/sharing/users.ts';
import { tempDir } from '../../support/temp.ts';

const QUICK = { interval: 40, voidAfter: 160 };
/** An owner that is no process here: of another boot, so that only its heartbeat counts. */
const ELSEWHERE = `1-1-1-${'f'.repeat(32)}-0123456789ab`;

let directory: StoreDirectory;
let root: string;

beforeEach(async () => {
  root = join(tempDir('locks'), 'cache');
  directory = new StoreDirectory(root);
  await directory.ensure();
});

const held = (): string[] => readdirSync(join(root, 'locks'));

describe('a lock', () => {
  it('is held by one at a time, also between holders that do not know each other', async () => {
    const contenders = Array.from({ length: 6 }, () => new Locks(directory));
    let inside = 0;
    let most = 0;
    await Promise.all(
      contenders.map(async (locks) => {
        for (let round = 0; round < 5; round += 1) {
          const lock = await locks.acquire('x');
          inside += 1;
          most = Math.max(most, inside);
          await sleep(Math.random() * 3);
          inside -= 1;
          await lock.release();
        }
      }),
    );
    expect(most).toBe(1);
    expect(held()).toEqual([]);
  });

  it('counts who waits, and lets them in', async () => {
    const [one, two] = [new Locks(directory), new Locks(directory)];
    const first = await one.acquire('x');
    const [second, third] = [one.acquire('x'), two.acquire('x')];
    await sleep(100);
    expect(await first.waiters()).toBe(2);
    expect(await (await one.acquire('y')).waiters()).toBe(0);
    await first.release();
    await (await Promise.race([second, third])).release();
    await Promise.all([second, third].map(async (lock) => (await lock).release()));
  });

  it('of a dead process is no lock', async () => {
    const { namespace, boot, start, pid } = ownIdentity();
    // A process ID that is in use, by a process that started at another time.
    for (const owner of [
      `4194305-1-${namespace}-${boot}-0123456789ab`,
      `${pid}-${Number(start) + 1}-${namespace}-${boot}-0123456789ab`,
      'rubbish',
    ]) {
      writeFileSync(join(root, 'locks', `x~${owner}`), '');
    }
    await (await new Locks(directory).acquire('x', { timeout: 1000 })).release();
    expect(held()).toEqual([]);
  });

  it('of a container that beats is one, until it falls silent and stays so', async () => {
    const path = join(root, 'locks', `x~${ELSEWHERE}`);
    writeFileSync(path, 'their-host');
    const locks = new Locks(directory, QUICK);
    const beat = setInterval(() => utimesSync(path, new Date(), new Date()), 30);
    const waiting = expect(locks.acquire('x', { timeout: 300 })).rejects;
    await waiting.toMatchObject({
      code: 'E_LOCK_TIMEOUT',
      message: expect.stringMatching(/x, which is held by process 1 of another container or machine \(their-host\)/),
    });
    clearInterval(beat);
    await (await locks.acquire('x', { timeout: 2000 })).release();
  });

  it('that is old because the machine slept is watched before it is void', async () => {
    const path = join(root, 'locks', `x~${ELSEWHERE}`);
    writeFileSync(path, '');
    utimesSync(path, 1, 1);
    const locks = new Locks(directory, QUICK);
    const entering = locks.acquire('x', { timeout: 2000 });
    await sleep(25);
    utimesSync(path, new Date(), new Date());
    const before = performance.now();
    await (await entering).release();
    expect(performance.now() - before).toBeGreaterThan(QUICK.voidAfter - 60);
  });

  it('waits on while its holder gets on, and stops waiting when told to', async () => {
    writeFileSync(join(root, 'locks', `x~${ELSEWHERE}`), '');
    const locks = new Locks(directory);
    let bytes = 0;
    const controller = new AbortController();
    const waiting = locks.acquire('x', { timeout: 150, signal: controller.signal, onWait: () => (bytes += 1) });
    const outcome = waiting.catch((error: unknown) => error);
    await sleep(500);
    controller.abort();
    expect(await outcome).toMatchObject({ name: 'AbortError' });
    expect(held()).toEqual([`x~${ELSEWHERE}`]);
  });
});

describe('a lease', () => {
  it('waits for a collector that may not have seen it', async () => {
    const [mine, theirs] = [new Locks(directory), new Locks(directory)];
    const leases = new Leases(directory, mine);
    const collecting = await theirs.acquire('collect');
    let taken = false;
    const taking = leases.hold('blob-x').then(() => {
      taken = true;
    });
    await sleep(80);
    expect(taken).toBe(false);
    const seen = async () => (await findUsers(directory, new Leases(directory, theirs), theirs)).of('blob-x');
    expect(await seen()).toEqual([{ pid: process.pid, here: true }]);
    await collecting.release();
    await taking;
    await leases.drop('blob-x');
    expect(await seen()).toEqual([]);
    await leases.close();
    expect(readdirSync(join(root, 'leases'))).toEqual([]);
  });

  it('to the end of a run is a line of one file, and each waits for a collector as any other', async () => {
    const [mine, theirs] = [new Locks(directory), new Locks(directory)];
    const leases = new Leases(directory, mine);
    const collecting = await theirs.acquire('collect');
    const resources = Array.from({ length: 60 }, (_, index) => `blob-${index}`);
    let taken = 0;
    const count = () => {
      taken += 1;
    };
    const taking = resources.map((resource) => leases.keep(resource).then(count));
    await sleep(40);
    // This one comes while the others wait.
    taking.push(leases.keep('blob-late').then(count));
    await sleep(40);
    expect(taken).toBe(0);
    const users = await findUsers(directory, new Leases(directory, theirs), theirs);
    for (const resource of [...resources, 'blob-late']) expect(users.of(resource)).toHaveLength(1);
    const [own] = readdirSync(join(root, 'leases'));
    expect(readdirSync(join(root, 'leases', own!))).toEqual(['list']);
    await collecting.release();
    await Promise.all(taking);
    await leases.close();
    expect(readdirSync(join(root, 'leases'))).toEqual([]);
  });

  it('that a full disk has cut spoils no other', async () => {
    const locks = new Locks(directory);
    const leases = new Leases(directory, locks);
    await leases.keep('blob-x');
    const [own] = readdirSync(join(root, 'leases'));
    appendFileSync(join(root, 'leases', own!, 'list'), '\nblo');
    await leases.keep('blob-y');
    const users = await findUsers(directory, new Leases(directory, locks), locks);
    expect(['blob-x', 'blob-y'].map((resource) => users.of(resource).length)).toEqual([1, 1]);
    await leases.close();
  });

  it.each(['hold', 'keep'] as const)('is an error where another took the process for dead: %s', async (way) => {
    const leases = new Leases(directory, new Locks(directory));
    await leases[way]('blob-x');
    const [own] = readdirSync(join(root, 'leases'));
    rmSync(join(root, 'leases', own!), { recursive: true });
    await expect(leases[way]('blob-y')).rejects.toThrow('cannot lease blob-y in the cache');
  });

  it('needs no store to be there', async () => {
    const none = new StoreDirectory(join(root, 'none'));
    expect(await new Leases(none, new Locks(none)).hold('blob-x')).toBe(false);
  });
});
