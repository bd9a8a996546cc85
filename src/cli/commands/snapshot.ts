import type { WriteFilter, WriteOptions } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { DEFAULT_LIMITS, writeSnapshot } from '../../snapshot/write-snapshot.ts';
import { allKeys, type Resolved } from '../../source/resolve.ts';
import { digestMembers, identifierMembers, keyMembers, safeKey } from '../document.ts';
import { type Flags, textFlag } from '../flags.ts';
import type { Run } from '../run.ts';
import { parseCount, parseSize } from '../values.ts';

/** `ctxsrc snapshot <ref> <dir>` */
export async function run(run: Run, [reference, target]: readonly string[], flags: Flags): Promise<undefined> {
  const resolved = await run.resolve([reference!]);
  const one = resolved[0]!;
  const { store } = await run.environment();
  const job = await run.job();
  const [answer] = await run.each(resolved, async () => {
    const keys = await allKeys(one.instance, job);
    run.checkComplete(resolved, [keys]);
    const written = await writeSnapshot(job, {
      reference: reference!,
      identifier: one.identifier,
      instance: one.instance,
      keys,
      store,
      target: target!,
      options: writeOptions(run, one, flags),
      force: flags.force === true,
      strict: flags.strict === true,
    });
    return { keys, written };
  });
  const { keys, written } = answer!;
  const { sidecar } = written;
  if (written.status === 'unchanged') run.note(`${target} is this snapshot already`);
  else if (sidecar.losses.length > 0) run.note(lossLine(sidecar.lossCounts, `${target}.ctxsrc.json`), 'warning');
  const digests = run.json || flags.githubOutput === true ? await one.instance.digests?.(job) : undefined;
  const key = flags.safe === true ? safeKey(keys.at(-1)!.key) : keys.at(-1)!.key;
  if (run.json) {
    const document = {
      ...identifierMembers(one, run.defaultPlatform()),
      ...(await digestMembers(digests, keys.at(-1)!.pin)),
      ...keyMembers(keys, run.verbose > 0),
      snapshot: {
        status: written.status,
        dir: written.dir,
        via: written.via,
        files: sidecar.files,
        bytes: sidecar.bytes,
        losses: sidecar.lossCounts,
      },
      tree: sidecar.tree,
    };
    await run.out(`${JSON.stringify(document)}\n`);
  } else {
    await run.line(key);
  }
  await run.githubOutputs(resolved, [{ key, digest: keys.at(-1)!.pin, pinned: digests?.pinned }]);
}

function writeOptions(run: Run, one: Resolved, flags: Flags): WriteOptions {
  const text = (name: string) => textFlag(flags, name);
  const bytes = text('maxBytes');
  const files = text('maxFiles');
  const owner = (text('owner') ?? 'auto') as WriteOptions['owner'];
  const mode = (text('mode') ?? 'auto') as WriteOptions['mode'];
  return {
    owner,
    mode,
    limits: {
      ...DEFAULT_LIMITS,
      ...(bytes === undefined ? {} : { maxBytes: parseSize('--max-bytes', bytes) }),
      ...(files === undefined ? {} : { maxFiles: parseCount('--max-files', files, 0) }),
    },
    filter: writeFilter(one, flags),
    epoch: sourceDateEpoch(run.io.env.SOURCE_DATE_EPOCH),
  };
}

/** Patterns that the source declares as its own are part of its identity; others choose what is written of it. */
function writeFilter(one: Resolved, flags: Flags): WriteFilter | undefined {
  const own = new Set(one.source.attributes.map((spec) => spec.name));
  const filter = {
    subpath: textFlag(flags, 'subpath'),
    include: own.has('include') ? undefined : (flags.include as readonly string[] | undefined),
    exclude: own.has('exclude') ? undefined : (flags.exclude as readonly string[] | undefined),
  };
  return Object.values(filter).some((value) => value !== undefined) ? filter : undefined;
}

function sourceDateEpoch(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new CtxsrcError('E_USAGE', `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}`, {
    hint: 'it takes seconds since 1970, or unset it',
  });
}

function lossLine(counts: Readonly<Record<string, number>>, sidecar: string): string {
  const parts = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  return `not kept: ${parts.join(', ')}; ${sidecar} lists them`;
}
