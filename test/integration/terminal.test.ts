/** Progress as a person sees it, in real terminals, over a registry that takes its time; and as a file gets it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliEnv, cliHome, cliPath, ctxsrc } from '../support/cli.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { needs } from '../support/needs.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';
import { Terminal } from '../support/terminal.ts';

const LAYERS = 12;
const LAYER_BYTES = 160_000;
/** Milliseconds; on a busy machine each step waits for its turn. */
const TIMEOUT = 180_000;
/** What a person must never see: sequences that the terminal did not take for such. */
/** The line about all layers. */
const SUMMARY = /^(\d+)% {2}(\d+)(?: of |\/)\d+ layers/;
const REMAINS = /\[\d*[A-Za-z]|\u001b|undefined|NaN/;

let registry: TestRegistry;
let slow: FaultProxy;
let reference: string;

beforeAll(async () => {
  const layout = new LayoutBuilder();
  const layers = Array.from({ length: LAYERS }, (_, i) =>
    layout.layer(tar([{ name: `file-${i}`, content: Buffer.alloc(LAYER_BYTES, `${i} content `) }])),
  );
  registry = await TestRegistry.start();
  registry.push(layout, 'team/app', 'latest', layout.image({ layers }));
  slow = await FaultProxy.start(registry.host, ({ target, url }) => {
    const isLayer = target === 'blob' && layers.some(({ descriptor }) => url.endsWith(descriptor.digest));
    return isLayer ? { kind: 'drip', size: 20_000, ms: 80 } : undefined;
  });
  reference = `docker-image://${slow.host}/team/app:latest --plain-http ${slow.host} --platform linux/amd64`;
});

afterAll(async () => {
  await slow.stop();
  await registry.stop();
});

function command(target: string, more = ''): string {
  return `${process.execPath} ${cliPath()} snapshot ${reference} ${target} ${more}`;
}

describe.skipIf(!needs('tmux'))('a terminal', () => {
  it.each([
    [80, 24],
    [40, 10],
  ])(
    'of %d columns and %d rows shows steady progress and ends clean',
    async (columns, rows) => {
      const dir = join(tempDir('terminal'), 'out');
      const terminal = new Terminal(columns, rows, cliEnv(cliHome(), { TERM: undefined }));
      try {
        terminal.type(`clear; ${command(dir)}; echo "exit $?"`);
        const percentages: number[] = [];
        const totals: number[] = [];
        const widths = new Set<number>();
        let layersAtOnce = 0;
        let hidden = false;
        for (;;) {
          const screen = terminal.screen();
          if (screen.some((line) => /^exit \d+/.test(line))) break;
          const total = screen.find((line) => SUMMARY.test(line));
          if (total !== undefined) {
            expect(screen.join('\n')).not.toMatch(REMAINS);
            // One total, below the layers, and nothing after it.
            expect(screen.filter((line) => SUMMARY.test(line))).toHaveLength(1);
            expect(screen.at(-1)).toBe(total);
            const [, share, done] = SUMMARY.exec(total)!;
            percentages.push(Number(share));
            totals.push(Number(done));
            const inFlight = screen.filter((line) => /^(downloading|unpacking|get|put) /.test(line));
            layersAtOnce = Math.max(layersAtOnce, inFlight.length);
            for (const line of inFlight) widths.add(line.length);
            if (!terminal.cursorVisible) hidden = true;
          }
          await setTimeout(40);
        }
        const end = terminal.screen();
        expect(end.find((line) => line.startsWith('exit'))).toBe('exit 0');
        expect(totals.length).toBeGreaterThan(5);
        for (const numbers of [percentages, totals]) expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
        expect(percentages.at(-1)).toBeGreaterThan(70);
        expect(totals.at(-1)).toBeGreaterThan(4);
        expect(layersAtOnce).toBeGreaterThanOrEqual(2);
        expect(Math.max(...widths)).toBeLessThan(columns);
        expect(hidden).toBe(true);
        expect(terminal.cursorVisible).toBe(true);
        // The layers are gone from the screen; what stays is what was done and the answer.
        expect(end.join('\n')).not.toMatch(/downloading|unpacking|^(get|put) |\d%/m);
        const moved = `${LAYERS} layers, 1\\.9 MB downloaded, 1\\.9 MB in ${LAYERS} files written in .*s sha256:`;
        expect(end.join('').replaceAll(' ', '')).toMatch(new RegExp(moved.replaceAll(' ', '')));
      } finally {
        terminal.close();
      }
    },
    TIMEOUT,
  );

  it(
    'that changes its size while a warning comes keeps one view',
    async () => {
      const dir = join(tempDir('terminal'), 'out');
      const terminal = new Terminal(90, 30, cliEnv(cliHome(), { TERM: undefined }));
      try {
        terminal.type(`clear; ${command(dir, '-v')}; echo "exit $?"`);
        await terminal.until((lines) => lines.some((line) => SUMMARY.test(line)), 'a total');
        for (const [columns, rows] of [
          [50, 12],
          [40, 8],
          [80, 24],
        ] as const) {
          terminal.resize(columns, rows);
          await setTimeout(350);
          const screen = terminal.screen();
          if (screen.some((line) => /^(exit|sha256)/.test(line))) break;
          const views = screen.filter((line) => SUMMARY.test(line)).length;
          // A terminal that grows may bring back what had left it at the top; nobody can reach that.
          if (rows < 24) expect(views, screen.join('\n')).toBeLessThanOrEqual(1);
          if (views > 0) expect(screen.at(-1), screen.join('\n')).toMatch(/^\d+% |^GET|^[0-9a-f]/);
        }
        await terminal.until((lines) => lines.some((line) => /^exit 0/.test(line)), 'the end');
        expect(terminal.cursorVisible).toBe(true);
        const requests = terminal.screen(true).filter((line) => /^GET http.*\/blobs\//.test(line));
        expect(requests.length).toBeGreaterThan(4);
      } finally {
        terminal.close();
      }
    },
    TIMEOUT,
  );

  it(
    'is clean after Ctrl-C, exit 130, and nothing half-written stays',
    async () => {
      const dir = join(tempDir('terminal'), 'out');
      const terminal = new Terminal(80, 24, cliEnv(cliHome(), { TERM: undefined }));
      try {
        terminal.type(`clear; ${command(dir)}; echo "exit $?"`);
        await terminal.until((lines) => lines.some((line) => SUMMARY.test(line)), 'a total');
        terminal.interrupt();
        const end = await terminal.until((lines) => lines.some((line) => /^exit/.test(line)), 'the end');
        expect(end.at(-2)).toBe('exit 130');
        expect(terminal.cursorVisible).toBe(true);
        expect(end.join('\n')).toContain('ctxsrc: interrupted');
        expect(end.join('\n')).not.toMatch(/downloading|\d%/);
        expect(existsSync(dir)).toBe(false);
      } finally {
        terminal.close();
      }
    },
    TIMEOUT,
  );

  it(
    'of one step shows a spinner',
    async () => {
      const terminal = new Terminal(60, 10, cliEnv(cliHome(), { TERM: undefined }));
      const stuck = await FaultProxy.start(registry.host, () => ({ kind: 'silence' }));
      try {
        terminal.type(
          `clear; ${process.execPath} ${cliPath()} digest docker-image://${stuck.host}/a/b --plain-http ${stuck.host}`,
        );
        await terminal.until((lines) => lines.some((line) => /^. resolving .*a\/b/.test(line)), 'a spinner');
        terminal.interrupt();
        const end = await terminal.until((lines) => lines.some((line) => line.includes('interrupted')), 'the end');
        expect(end.join('\n')).not.toContain('resolving');
        expect(terminal.cursorVisible).toBe(true);
      } finally {
        terminal.close();
        await stuck.stop();
      }
    },
    TIMEOUT,
  );
});

describe.skipIf(!needs('tmux'))('a terminal that is read aloud, or cannot move its cursor', () => {
  it.each(['ACCESSIBLE=1', 'TERM=dumb'])(
    'gets lines that stay (%s) (T3)',
    async (variable) => {
      const terminal = new Terminal(80, 24, cliEnv(cliHome(), { TERM: undefined }));
      try {
        terminal.type(`${variable} ${command(join(tempDir('aloud'), 'out'), '; echo the-end')}`);
        const seen: string[] = [];
        await terminal.until((lines) => {
          seen.push(...lines);
          return lines.includes('the-end');
        }, 'the end');
        expect(seen.filter((line) => SUMMARY.test(line) || line.includes('[='))).toEqual([]);
        const done = terminal.screen(true).filter((line) => /^downloaded layer [0-9a-f]{12}, \d+ of 12 \(/.test(line));
        expect(done).toHaveLength(LAYERS);
      } finally {
        terminal.close();
      }
    },
    TIMEOUT,
  );
});

describe('a file', () => {
  it('gets lines without an escape sequence, whatever the terminal is', async () => {
    const dir = join(tempDir('terminal'), 'out');
    const result = await ctxsrc(['snapshot', ...reference.split(' '), dir], {
      env: { TERM: 'xterm-256color', FORCE_COLOR: '1' },
    });
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    const lines = result.stderr.trimEnd().split('\n');
    for (const did of ['downloaded', 'unpacked']) {
      const layers = lines.flatMap(
        (line) => /^(\w+) layer [0-9a-f]{12}, (\d+) of 12 \(/.exec(line)?.slice(1, 3).join(' ') ?? [],
      );
      expect(layers).toEqual(expect.arrayContaining(Array.from({ length: LAYERS }, (_, i) => `${did} ${i + 1}`)));
    }
    expect(lines.at(-1)).toMatch(/^unpacked all 12 layers in /);
  });
});
