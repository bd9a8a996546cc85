/** The sources of a build that are no directories, each opened once however many steps use it. */
import type { Attributes, CacheKeyResult, Digests } from '../contract/index.ts';
import { CtxsrcError } from '../core/errors.ts';
import { parseJson } from '../core/parse-json.ts';
import { stableJson } from '../core/stable-json.ts';
import type { ImageConfig, Vertex } from '../dockerfile/graph/types.ts';
import { gitReferenceText } from '../source/git/url.ts';
import { allKeys, type Resolved, resolve, withReference } from '../source/resolve.ts';
import type { BuildWork } from './answer.ts';

/** A source with what is asked of it; everything is asked once. */
export class OpenSource {
  readonly resolved: Resolved;
  readonly #work: BuildWork;
  #keys: Promise<CacheKeyResult[]> | undefined;

  constructor(resolved: Resolved, work: BuildWork) {
    this.resolved = resolved;
    this.#work = work;
  }

  /** The content key. */
  async key(): Promise<CacheKeyResult> {
    this.#keys ??= this.#ask(allKeys(this.resolved.instance, this.#work.job));
    return (await this.#keys).at(-1)!;
  }

  async digests(): Promise<Digests> {
    const { instance } = this.resolved;
    return instance.digests === undefined
      ? { digest: (await this.key()).pin }
      : this.#ask(instance.digests(this.#work.job));
  }

  /** What its source tells of it; nothing if it tells nothing. */
  async describe(): Promise<Readonly<Record<string, unknown>>> {
    const described = this.resolved.instance.describe?.(this.#work.job);
    return described === undefined ? {} : this.#ask(described);
  }

  /** The configuration of an image. */
  async imageConfig(): Promise<ImageConfig> {
    const { instance, ref } = this.resolved;
    if (instance.image === undefined) throw new CtxsrcError('E_REFERENCE', `${ref.text} is no image`);
    const { config } = await this.#ask(instance.image(this.#work.job));
    // The source has decoded the bytes before: they are an object.
    return parseJson(Buffer.from(config.bytes).toString()) as ImageConfig;
  }

  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw withReference(error, this.resolved.ref.text);
    }
  }
}

export class BuildSources {
  readonly #work: BuildWork;
  readonly #opened = new Map<string, Promise<OpenSource>>();

  constructor(work: BuildWork) {
    this.#work = work;
  }

  /** The source of a reference. The same reference and attributes are the same source. */
  open(text: string, attributes: Attributes = {}): Promise<OpenSource> {
    const { table, env } = this.#work;
    return this.#once([text, attributes], async () => {
      return new OpenSource(await resolve(table, text, attributes, env), this.#work);
    });
  }

  /** Lets a source be found by another reference, too. */
  alias(text: string, attributes: Attributes, source: OpenSource): void {
    void this.#once([text, attributes], async () => source);
  }

  /** The reference with its root digest. */
  async pinned(text: string): Promise<string> {
    const { pinned } = await (await this.open(text)).digests();
    if (pinned === undefined) throw new CtxsrcError('E_NOT_PINNABLE', `${text} has no form with a digest`);
    return pinned;
  }

  #once(identity: readonly unknown[], open: () => Promise<OpenSource>): Promise<OpenSource> {
    const name = stableJson(identity);
    const opening = this.#opened.get(name) ?? open();
    this.#opened.set(name, opening);
    return opening;
  }
}

/**
 * The reference and attributes of a source operation, for the source that reads it.
 * @param layouts references of layouts, by the name that the operation has for them
 */
export function referenceOf(
  { op, attrs = {}, platform }: Vertex,
  layouts: ReadonlyMap<string, string>,
): { readonly text: string; readonly attributes: Attributes } {
  const identifier = String(op.identifier);
  const { 'git.fullurl': remote, 'oci.store': store, 'http.filename': filename } = attrs;
  if (remote !== undefined) return { text: gitText(identifier, remote), attributes: gitAttributes(attrs) };
  if (filename !== undefined)
    return { text: identifier, attributes: { filename, ...checksum(attrs['http.checksum']) } };
  const text = store === undefined ? identifier : (layouts.get(store) ?? identifier);
  return { text, attributes: platform === undefined ? {} : { platform } };
}

/** The identifier's fragment is not escaped, the remote's is. */
function gitText(identifier: string, remote: string): string {
  const [, fragment = ''] = /#(.*)$/s.exec(identifier) ?? [];
  const colon = fragment.indexOf(':');
  const [ref, subdir] = colon < 0 ? [fragment, ''] : [fragment.slice(0, colon), fragment.slice(colon + 1)];
  return gitReferenceText({ remote, subdir }, ref);
}

function gitAttributes(attrs: Readonly<Record<string, string>>): Attributes {
  const mtime = attrs['git.mtime'];
  return {
    ...(attrs['git.keepgitdir'] === 'true' ? { 'keep-git-dir': true } : {}),
    ...(attrs['git.skipsubmodules'] === 'true' ? { 'skip-submodules': true } : {}),
    ...(attrs['git.fetchbycommit'] === 'true' ? { 'fetch-by-commit': true } : {}),
    ...(mtime === undefined ? {} : { mtime }),
    ...checksum(attrs['git.checksum']),
  };
}

function checksum(value: string | undefined): Attributes {
  return value === undefined ? {} : { checksum: value };
}
