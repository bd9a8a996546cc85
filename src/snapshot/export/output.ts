/** The value of `-o type=…,dest=…` of `ctxsrc export`. */
import { CtxsrcError } from '../../core/errors.ts';
import { shellWord } from '../../core/shell-word.ts';

export interface ExportOutput {
  readonly type: 'tar' | 'oci';
  /** A path, or `-` for standard output. */
  readonly dest: string;
  /** For `oci`: true for one archive, which is the default, false for a directory. */
  readonly tar: boolean;
}

const HINT =
  'for instance -o type=tar,dest=files.tar, or -o type=oci,dest=image.tar, or -o type=oci,tar=false,dest=layout';

/** @throws E_USAGE that names the part at fault */
export function parseExportOutput(text: string): ExportOutput {
  const wrong = (what: string): CtxsrcError =>
    new CtxsrcError('E_USAGE', `output ${JSON.stringify(text)}: ${what}`, { hint: HINT });
  if (!text.includes('=')) {
    throw new CtxsrcError('E_USAGE', `output ${JSON.stringify(text)} does not say what to write`, {
      hint: `${shellWord(`type=oci,dest=${text}`)} for an image, ${shellWord(`type=tar,dest=${text}`)} for the files of any source`,
    });
  }
  const values = new Map<string, string>();
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(equals, 0)).trim();
    if (equals < 0 || !['type', 'dest', 'tar'].includes(name)) throw wrong(`${JSON.stringify(part)} is not understood`);
    if (values.has(name)) throw wrong(`${name} is given twice`);
    values.set(name, part.slice(equals + 1));
  }
  const [type, dest, tar = 'true'] = [values.get('type'), values.get('dest'), values.get('tar')];
  if (type !== 'tar' && type !== 'oci') throw wrong('type has to be tar or oci');
  if (dest === undefined || dest === '') throw wrong('dest is missing');
  if (tar !== 'true' && tar !== 'false') throw wrong('tar has to be true or false');
  if (tar === 'false' && type === 'tar')
    throw wrong('type=tar is always an archive; ctxsrc snapshot writes a directory');
  if (tar === 'false' && dest === '-') throw wrong('a directory cannot be written to standard output');
  return { type, dest, tar: tar === 'true' };
}
