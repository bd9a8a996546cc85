/** Searches for secrets in everything that is printed, written or stored for a source. */
import { mkdir, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attributes, Source } from '../contract/index.ts';
import { writeLimits, writeSnapshot } from '../snapshot/write/write-snapshot.ts';
import { parseReference } from '../source/parse.ts';
import { publicAttributes } from '../source/public-attributes.ts';
import { allKeys } from '../source/resolve.ts';
import { type Bench, PLANTED_SECRET } from './bench.ts';
import { toldFailure } from './failure.ts';

/** Shorter texts may occur by chance. */
const LEAST = 6;

interface Secret {
  readonly what: string;
  readonly text: string;
}

const SESSION_SECRET: Secret = { what: 'the secret of the session', text: PLANTED_SECRET };

/** Values of attributes that are marked as secrets. */
export function secretsOf(source: Source, variant: Attributes): readonly Secret[] {
  const secrets: Secret[] = [];
  for (const { name, secret } of source.attributes) {
    if (secret !== true || !Object.hasOwn(variant, name)) continue;
    for (const value of [variant[name]].flat().map(String)) {
      // Of `Authorization: Bearer abc` only the last word is secret.
      for (const text of [value, value.split(/\s+/).at(-1)!]) {
        if (text.length >= LEAST) secrets.push({ what: `the value of the secret ${name}`, text });
      }
    }
  }
  return secrets;
}

/** Where a secret appears after the keys and a snapshot were made with these attributes; undefined if nowhere. */
export async function findSecrets(
  bench: Bench,
  variant: Attributes,
  secrets: readonly Secret[],
): Promise<{ readonly secret: string; readonly place: string } | undefined> {
  const written = join(bench.dir, 'written');
  await mkdir(written, { recursive: true });
  const { texts, storeRoot } = await everythingSaid(bench, variant, written);
  for (const { what: secret, text } of [SESSION_SECRET, ...secrets]) {
    const said = texts.find(([, one]) => one.includes(text));
    const place = said?.[0] ?? (await firstFileWith(text, written)) ?? (await firstFileWith(text, storeRoot));
    if (place !== undefined) return { secret, place };
  }
  return undefined;
}

async function everythingSaid(
  bench: Bench,
  variant: Attributes,
  written: string,
): Promise<{ texts: [string, string][]; storeRoot: string }> {
  const { source } = bench.subject;
  const { env, counters, job } = await bench.environment('store-secrets');
  const id = bench.identify(undefined, variant);
  const texts: [string, string][] = [
    ['the identifier', String(id)],
    [
      'the JSON of the identifier',
      JSON.stringify({ ...(id.toJSON() as object), attributes: publicAttributes(source, id.attributes) }),
    ],
  ];
  try {
    const instance = source.resolve(id, env);
    const keys = await allKeys(instance, job);
    texts.push(['a key, its pin or its preimage', JSON.stringify(keys.map(({ opts, ...shown }) => shown))]);
    texts.push(['digests()', JSON.stringify(await instance.digests?.(job)) ?? '']);
    texts.push(['describe()', JSON.stringify(await instance.describe?.(job)) ?? '']);
    await writeSnapshot(job, {
      reference: bench.prepared.reference,
      source,
      identifier: id,
      instance,
      keys,
      store: env.store,
      target: join(written, `snapshot-${(await readdir(written)).length}`),
      options: { owner: 'auto', mode: 'auto', limits: writeLimits({}) },
      force: false,
      strict: false,
    });
  } catch (error) {
    // Other checks decide whether a failure is allowed.
    texts.push(['a message of an error', toldFailure(error)]);
  }
  for (const reference of bench.prepared.malformed) {
    try {
      source.identify(parseReference(reference), { ...bench.prepared.attributes, ...variant });
    } catch (error) {
      texts.push(['a message of an error', toldFailure(error)]);
    }
  }
  texts.push(['a progress event', counters.events.join('\n')]);
  return { texts, storeRoot: env.store.root };
}

/** The first file below a directory that holds the text in its name or content. */
async function firstFileWith(text: string, dir: string): Promise<string | undefined> {
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.name.includes(text)) return path;
    if (entry.isSymbolicLink() && (await readlink(path)).includes(text)) return path;
    if (entry.isFile() && (await readFile(path)).includes(text)) return path;
  }
  return undefined;
}
