/** A download that breaks off and is gone on with wrong bytes: found out by the digest, and fetched from its start. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cliHome, ctxsrc } from '../support/cli.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

describe('a registry that lies about a range', () => {
  const content = randomBytes(600_000);
  let registry: TestRegistry;
  let proxy: FaultProxy;
  let layer: string;

  beforeEach(async () => {
    registry = await TestRegistry.start();
    const layout = new LayoutBuilder();
    const built = layout.layer(tar([{ name: 'file', content }]));
    layer = built.descriptor.digest;
    registry.push(layout, 'team/app', 'v1', layout.image({ layers: [built] }));
    proxy = await FaultProxy.start(registry.host);
  });
  afterEach(async () => {
    await proxy.stop();
    await registry.stop();
  });

  /** The layer breaks off, and the first `lies` continuations are of other bytes than they say. */
  function lie(lies: number): void {
    let told = 0;
    proxy.plan = (seen) => {
      if (seen.target !== 'blob' || !seen.url.endsWith(layer)) return undefined;
      if (seen.headers.range === undefined) return told < lies ? { kind: 'cut', at: 200_000 } : undefined;
      told += 1;
      return { kind: 'range', how: 'lie' };
    };
  }

  it.each(['snapshot', 'pull'])('once does not keep a %s from being right', async (command) => {
    lie(1);
    const home = cliHome();
    const target = join(tempDir('lie'), 'out');
    const reference = `docker-image://${proxy.host}/team/app:v1`;
    const first = await ctxsrc([command, reference, ...(command === 'pull' ? [] : [target])], { home });
    expect(first.code, first.stderr).toBe(0);
    const { code, stderr } = await ctxsrc(['snapshot', reference, target], { home });
    expect(code, stderr).toBe(0);
    expect(readFileSync(join(target, 'file')).equals(content)).toBe(true);
  });

  it('always is refused, and nothing is left', async () => {
    lie(Number.POSITIVE_INFINITY);
    const home = cliHome();
    const base = tempDir('lie');
    const reference = `docker-image://${proxy.host}/team/app:v1`;
    const { code, stderr } = await ctxsrc(['snapshot', reference, join(base, 'out')], { home });
    expect(code, stderr).toBe(5);
    expect(stderr).toContain(layer);
    expect(stderr).toMatch(/hint: /);
    expect(readdirSync(base)).toEqual([]);
    expect(readdirSync(join(home, 'cache/ctxsrc/ingest'))).toEqual([]);
  });
});
