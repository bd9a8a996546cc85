/**
 * The table of sources: scheme → how to load the source. The imports are lazy, so that a command loads only the sources
 * it needs. A new source is one folder here and one line in this file; schemes are named nowhere else.
 */
import type { Source } from '../contract/index.ts';
import { closest } from '../core/closest.ts';
import { CtxsrcError } from '../core/errors.ts';
import { shellWord } from '../core/shell-word.ts';
import { withoutUser } from '../core/shown-reference.ts';
import { otherToolsForm } from './other-tools.ts';

interface SourceEntry {
  readonly schemes: readonly string[];
  load(): Promise<{ source: Source }>;
}

const BUILT_IN: readonly SourceEntry[] = [
  { schemes: ['docker-image'], load: () => import('./docker-image/source.ts') },
  { schemes: ['oci-layout'], load: () => import('./oci-layout/source.ts') },
  { schemes: ['local'], load: () => import('./local/source.ts') },
  { schemes: ['git'], load: () => import('./git/source.ts') },
  { schemes: ['http', 'https'], load: () => import('./http/source.ts') },
  { schemes: ['docker-image+blob', 'oci-layout+blob'], load: () => import('./blob/source.ts') },
  { schemes: ['oci-archive'], load: () => import('./archive/oci.ts') },
  { schemes: ['docker-archive'], load: () => import('./archive/docker.ts') },
];

/** The sources of one run: built-in ones and those that the user added. */
export class SourceTable {
  readonly #entries: SourceEntry[] = [...BUILT_IN];

  /**
   * Adds a source from outside. It cannot replace an existing scheme (`E_SOURCE_MODULE`): loading a module must not
   * change the meaning of a reference.
   */
  add(source: Source, origin: string): void {
    const known = new Set(this.schemes());
    const taken = source.schemes.find((scheme) => known.has(scheme));
    if (taken !== undefined) {
      const message = `the source module ${origin} declares the scheme ${taken}, which is already there`;
      throw new CtxsrcError('E_SOURCE_MODULE', message, {
        hint: 'give the new source a scheme of its own',
      });
    }
    this.#entries.push({ schemes: source.schemes, load: async () => ({ source }) });
  }

  /** Every scheme, in the order of the table. */
  schemes(): string[] {
    return this.#entries.flatMap((entry) => entry.schemes);
  }

  /**
   * The source of a scheme.
   * @param rest the reference after the scheme, for the message of a failure
   * @throws E_SCHEME_UNKNOWN, with what to type for another tool's scheme, else with the existing schemes
   */
  async load(scheme: string, rest = ''): Promise<Source> {
    const entry = this.#entries.find((candidate) => candidate.schemes.includes(scheme));
    if (entry === undefined) throw unknownScheme(scheme, rest, this.schemes());
    return (await entry.load()).source;
  }

  /** All sources, each once. */
  async loadAll(): Promise<Source[]> {
    return Promise.all(this.#entries.map(async (entry) => (await entry.load()).source));
  }
}

function unknownScheme(scheme: string, rest: string, known: readonly string[]): CtxsrcError {
  const text = withoutUser(`${scheme}://${rest}`);
  const other = otherToolsForm(text);
  // Schemes are short: with more than one changed letter in five, ftp:// would be taken for http://.
  const meant = closest(scheme.toLowerCase(), known, (length) => Math.ceil(length / 5));
  return new CtxsrcError(
    'E_SCHEME_UNKNOWN',
    other === undefined ? `unknown scheme ${JSON.stringify(scheme)}` : `${text} ${other.what}`,
    {
      hint:
        other?.hint ??
        (meant === undefined ? undefined : `type ${shellWord(`${meant}${text.slice(scheme.length)}`)}`) ??
        `the schemes are ${known.join(', ')} (see ctxsrc sources); a source from outside comes by --source MODULE`,
      details: { schemes: known },
    },
  );
}
