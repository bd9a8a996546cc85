import { listFiles, withFiles } from '../../snapshot/list/source-files.ts';
import { identifierMembers } from '../../source/document.ts';
import { type Flags, layerFlag, limitsOf } from '../flags.ts';
import { entryDocument, longLines, shortLine } from '../listed-entry.ts';
import { write } from '../output.ts';
import { inPieces, jsonItems } from '../pieces.ts';
import { quotedName } from '../quoted-name.ts';
import type { Run } from '../run.ts';

/** `ctxsrc ls <ref> [path]`: the paths, one a line. */
export async function run(run: Run, [reference, path = '']: readonly string[], flags: Flags): Promise<undefined> {
  const layer = layerFlag(flags);
  const resolved = await run.resolve([reference!]);
  const { store } = await run.environment();
  const job = await run.job();
  const [entries] = await run.each(resolved, ({ instance }) =>
    withFiles(job, { instance, store, limits: limitsOf(flags), layer }, (files) =>
      listFiles(job, files, path, flags.recursive === true),
    ),
  );
  if (run.json) {
    const head = JSON.stringify(identifierMembers(resolved[0]!, run.defaultPlatform())).slice(0, -1);
    await run.out(`${head},"entries":[`);
    await inPieces(jsonItems(entries!, entryDocument), (text) => run.out(text));
    return run.out(']}\n');
  }
  const isNull = flags.null === true;
  const lines = flags.long === true ? longLines(entries!) : entries!.map(shortLine);
  if (isNull) {
    const texts = lines.map(({ before, name, after = '', link = '' }) => `${before}${name}${after}${link}\0`);
    return inPieces(texts, (text) => write(run.io.stdout, Buffer.from(text, 'latin1')));
  }
  const texts = lines.map(({ before, name, after = '', link }) => {
    return `${before}${quotedName(name)}${after}${link === undefined ? '' : quotedName(link)}\n`;
  });
  return inPieces(texts, (text) => run.out(text));
}
