/** Progress tells the truth, seen in real terminals: files, bytes and percentages move while the work does. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliEnv, cliHome, cliPath } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { Terminal } from '../support/terminal.ts';

const FILES = 40_000;
/** Milliseconds; on a busy machine each step waits for its turn. */
const TIMEOUT = 180_000;

const home = cliHome();
let layout: string;
let server: Server;
let origin: string;

beforeAll(async () => {
  const builder = new LayoutBuilder();
  const small = Array.from({ length: FILES }, (_, i) => ({ name: `d${i % 100}/file-${i}`, content: `small ${i}` }));
  const layers = [builder.layer(tar([{ name: 'base', content: 'base' }])), builder.layer(tar(small))];
  builder.manifests.push(builder.image({ layers }));
  layout = builder.write(tempDir('layout'));
  server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': 4_000_000 });
    void drip(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function drip(response: { write(chunk: Buffer): unknown; end(): unknown }): Promise<void> {
  for (let i = 0; i < 40; i += 1) {
    response.write(Buffer.alloc(100_000, i));
    await setTimeout(90);
  }
  response.end();
}

interface Watched {
  /** Every screen until the end, which is the last. */
  readonly screens: readonly (readonly string[])[];
  /** What a pattern found in each screen, as numbers. */
  numbers(pattern: RegExp): number[];
}

async function watch(columns: number, args: string): Promise<Watched> {
  const terminal = new Terminal(columns, 12, cliEnv(home, { TERM: undefined }));
  try {
    terminal.type(`clear; ${process.execPath} ${cliPath()} ${args}; echo "exit $?"`);
    const screens: string[][] = [];
    while (screens.at(-1)?.some((line) => /^exit \d+/.test(line)) !== true) {
      screens.push(terminal.screen());
      await setTimeout(30);
    }
    expect(screens.at(-1)!.join('\n')).toMatch(/^exit 0$/m);
    expect(screens.at(-1)!.join('\n')).not.toMatch(/\d%/);
    expect(terminal.cursorVisible).toBe(true);
    const numbers = (pattern: RegExp): number[] =>
      screens.flatMap((screen) => screen.flatMap((line) => pattern.exec(line)?.slice(1, 2).map(Number) ?? []));
    return { screens, numbers };
  } finally {
    terminal.close();
  }
}

/** @param least how many different ones there have to be: what is over soon is seen once or twice */
function expectSteady(numbers: readonly number[], most: number, least = 3): void {
  expect(new Set(numbers).size).toBeGreaterThanOrEqual(least);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  expect(numbers.at(-1)).toBeLessThanOrEqual(most);
}

describe.skipIf(!needs('tmux'))('a terminal', () => {
  it(
    'shows files, layers and percentages of an image of many small files, and nothing that shrinks',
    async () => {
      const out = join(tempDir('out'), 'out');
      const seen = await watch(80, `snapshot oci-layout://${layout} ${out} --platform linux/amd64`);
      expectSteady(seen.numbers(/^unpacking {3}layer 2 of 2 .*, (\d+) files/), FILES + 100);
      expectSteady(seen.numbers(/^(\d+)% {2}\d of 2 layers/), 99);
      expect(seen.numbers(/(\d) of 2 layers {2}/)).toContain(1);
      expect(seen.screens.at(-1)!.join('\n')).toMatch(/^2 layers, \d+ kB in 40101 files written in /m);
      // Hashing it again is counted in the same way.
      const verified = await watch(80, `verify ${out}`);
      expectSteady(verified.numbers(/ verifying .*, (\d+) files/), FILES + 101, 1);
      expectSteady(verified.numbers(/ verifying .* (\d+)%/), 100, 1);
      const key = await watch(80, `key --no-ignore-file --no-stat-cache ${out}`);
      expectSteady(key.numbers(/ hashing .*, (\d+) files/), FILES, 1);
    },
    TIMEOUT,
  );

  it.concurrent.each([80, 40])(
    'of %d columns shows an http file by bytes and percentage, however long its address is',
    async (columns) => {
      const url = `${origin}/a/${'long/'.repeat(20)}file-${columns}.bin`;
      const seen = await watch(columns, `snapshot ${url} ${join(tempDir('out'), 'out')}`);
      const line =
        columns < 72 ? /^get .*….* +(\d+)% [\d.]+ [kM]?B/ : /^downloading h.*….*bin {2}.* [kM]B\/s +\[[= ]+\] +(\d+)%$/;
      expectSteady(seen.numbers(line), 100);
      const lines = seen.screens.flat().filter((text) => /^(?:get|downloading) /.test(text));
      expect(Math.max(...lines.map((text) => text.length))).toBeLessThan(columns);
      expect(seen.screens.flat().join('\n')).toMatch(/\ds left$/m);
      expect(seen.screens.at(-1)!.join('\n')).toMatch(/^4\.0 MB downloaded in /m);
      expect(seen.screens.flat().join('\n')).not.toContain('layer');
    },
    TIMEOUT,
  );
});
