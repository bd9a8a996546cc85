import { listFiles, withFiles } from '../../snapshot/list/source-files.ts';
import { identifierMembers } from '../../source/document.ts';
import { type Flags, layerFlag, limitsOf } from '../flags.ts';
import { addEntry, type Line, longLines, shortLines } from '../listed-entry.ts';
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
    await inPieces(
      jsonItems(entries!, (entry) => addEntry({}, entry)),
      (text) => run.out(text),
    );
    return run.out(']}\n');
  }
  const lines = flags.long === true ? longLines(entries!) : shortLines(entries!);
  if (flags.null === true)
    return inPieces(nullTexts(lines), (text) => write(run.io.stdout, Buffer.from(text, 'latin1')));
  return inPieces(lineTexts(lines), (text) => run.out(text));
}

function* nullTexts(lines: Iterable<Line>): Generator<string> {
  for (const { before, name, after = '', link = '' } of lines) yield `${before}${name}${after}${link}\0`;
}

function* lineTexts(lines: Iterable<Line>): Generator<string> {
  for (const { before, name, after = '', link } of lines) {
    yield `${before}${quotedName(name)}${after}${link === undefined ? '' : quotedName(link)}\n`;
  }
}
