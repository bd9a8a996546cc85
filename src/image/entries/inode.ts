/** What the names of a file, link or device share. A tree may have hundreds of thousands: each is one small object. */
import type { Entry, Metadata } from '../../contract/entry.ts';
import { type Digest, digestHex } from '../../core/digest.ts';

/** A name of a file, link or device. */
export interface TreeLeaf {
  readonly kind: 'leaf';
  readonly inode: Inode;
  /** Index of the layer that wrote this name. */
  readonly layer: number | undefined;
}

/** Is its own first name. */
export class Inode implements TreeLeaf {
  readonly type: Exclude<Entry['type'], 'dir'>;
  meta: Metadata;
  readonly size: number;
  /** The layer that has the content; undefined if none that is known does. */
  readonly layer: number | undefined;
  /** The number of its entry in the layer. */
  readonly index: number;
  /** Of a file the digest, each byte as a character, which takes half the memory of its text; else the target. */
  readonly #last: string | undefined;
  #names = 0;

  constructor(
    { type, size, target, digest }: Pick<Entry, 'size' | 'target' | 'digest'> & Pick<Inode, 'type'>,
    meta: Metadata,
    layer?: number,
    index = 0,
  ) {
    this.type = type;
    this.meta = meta;
    this.size = size;
    this.layer = layer;
    this.index = index;
    this.#last = type === 'file' ? digest && Buffer.from(digestHex(digest), 'hex').toString('latin1') : target;
  }

  get kind(): 'leaf' {
    return 'leaf';
  }

  get inode(): Inode {
    return this;
  }

  /** Text of a link, `major:minor` of a device. */
  get target(): string | undefined {
    return this.type === 'file' ? undefined : this.#last;
  }

  get digest(): Digest | undefined {
    if (this.type !== 'file' || this.#last === undefined) return undefined;
    return `sha256:${Buffer.from(this.#last, 'latin1').toString('hex')}`;
  }

  /** Number of names that were made for it. */
  get names(): number {
    return this.#names;
  }

  /** Counts a further name. @param layer that writes it */
  name(layer: number | undefined): TreeLeaf {
    this.#names += 1;
    return this.#names === 1 && this.layer === layer ? this : { kind: 'leaf', inode: this, layer };
  }
}
