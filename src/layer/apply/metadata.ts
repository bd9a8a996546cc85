/** The metadata of entries of layers: what creation sets, the fast case of plain files, and further names. */
import { closeSync, fstatSync, unlinkSync } from 'node:fs';
import type { Metadata, Owner } from '../../contract/entry.ts';
import type { WriteOptions } from '../../contract/ref.ts';
import { loadNative } from '../../fs/native/native.ts';
import { at, createFile, type OpenDirectory } from '../../fs/write/confined.ts';
import type { LossSink } from '../../fs/write/losses.ts';
import {
  CAPABILITY,
  isOwnedBy,
  MetadataWriter,
  modeWithoutOwner,
  SPECIAL_BITS,
  type Target,
} from '../../fs/write/metadata.ts';
import type { PlainMetadata } from './plain-file.ts';
import type { Leaf, LeafType } from './tree.ts';

/** What the kernel gives a file that this process creates. */
interface Created extends Owner {
  /** Bits of a mode that creation removes. */
  readonly umask: number;
}

export class LayerMetadata {
  readonly #writer: MetadataWriter;
  readonly #created: Created;
  /** Owners that the system gave to a file, and so gives to others. */
  readonly #granted = new Set<string>();

  /** Makes and removes a file in `root` to see what creation does there. */
  constructor(root: OpenDirectory, options: Pick<WriteOptions, 'owner' | 'epoch'>, losses: LossSink) {
    this.#writer = new MetadataWriter(options, losses);
    this.#created = probe(root);
  }

  /** Makes times what will be written. */
  clamp(meta: Metadata): void {
    this.#writer.clamp(meta);
  }

  /** The metadata of a directory that no layer declares: the same in every run. */
  undeclared(): Metadata {
    return { mode: 0o755, uid: this.#created.uid, gid: this.#created.gid, mtime: 0, mtimeNs: 0, xattrs: undefined };
  }

  /**
   * The mode to create a file with: never more than the wanted one, without special bits, which must follow the owner.
   */
  creationMode(mode: number): number {
    return mode & 0o777;
  }

  /**
   * What a file gets that needs neither special bits, nor attributes, nor an owner that may be refused: then it can be made
   * as a `PlainFile`, and `meta` becomes what it will have. Undefined when it is not that plain.
   */
  plain(meta: Metadata): PlainMetadata | undefined {
    const { mode, mtime, mtimeNs } = meta;
    if (mtime < 0 || meta.xattrs !== undefined || (mode & SPECIAL_BITS) !== 0) return undefined;
    if (mtimeNs !== 0 && loadNative() === undefined) return undefined;
    let chown = false;
    if (!isOwnedBy(meta, this.#created)) {
      if (!this.#writer.keepsOwners) {
        meta.uid = this.#created.uid;
        meta.gid = this.#created.gid;
      } else if (this.#granted.has(ownerKey(meta))) chown = true;
      else return undefined;
    }
    return { mode, uid: meta.uid, gid: meta.gid, mtime, mtimeNs, chown, chmod: (mode & this.#created.umask) !== 0 };
  }

  /** What was just created with `creationMode`, and has its content. Changes `meta` to what it really has. */
  created(target: Target, path: string, type: LeafType, meta: Metadata): void {
    const { uid, gid, umask } = this.#created;
    const present = { uid, gid, mode: this.creationMode(meta.mode) & ~umask };
    if (this.#writer.finish(target, path, type, meta, present)) this.#granted.add(ownerKey(meta));
  }

  /** Finishes an open directory, after its content. */
  directory(fd: number, path: string, meta: Metadata): void {
    const { uid, gid } = this.#created;
    this.#writer.finish(fd, path, 'dir', meta, { uid, gid, mode: fstatSync(fd).mode & 0o7777 });
  }

  /**
   * A further name of a leaf with a header of its own, which containerd applies to the inode: the last name counts.
   * @returns the metadata that the leaf then has
   */
  renamed(target: string | Buffer, path: string, { type, meta: had }: Leaf, header: Metadata): Metadata {
    const meta = { ...header, mode: type === 'symlink' ? had.mode : header.mode };
    if (this.#comesTo(meta, had)) return had;
    // As containerd does, even if the owner stays the same: the kernel clears capabilities.
    const chowned = this.#writer.finish(target, path, type, meta, had, true);
    const kept = [...(had.xattrs ?? [])].filter(([name]) => !(chowned && name === CAPABILITY));
    const all = new Map([...kept, ...(meta.xattrs ?? [])]);
    return { ...meta, xattrs: all.size > 0 ? all : undefined };
  }

  /** True if the header would not change a file with the metadata `had`. */
  #comesTo(header: Metadata, had: Metadata): boolean {
    const { keepsOwners } = this.#writer;
    const mode = keepsOwners ? header.mode : modeWithoutOwner(header.mode, header, had);
    const xattrs = header.xattrs ?? new Map<string, string>();
    return (
      (!keepsOwners || isOwnedBy(header, had)) &&
      had.mode === mode &&
      had.mtime === header.mtime &&
      had.mtimeNs === header.mtimeNs &&
      [...xattrs].every(([name, value]) => had.xattrs?.get(name) === value) &&
      (!keepsOwners || had.xattrs?.has(CAPABILITY) !== true || xattrs.has(CAPABILITY))
    );
  }
}

function ownerKey({ uid, gid }: Owner): string {
  return `${uid}:${gid}`;
}

function probe(root: OpenDirectory): Created {
  const name = '.ctxsrc-probe';
  const fd = createFile(root, name, 0o777);
  try {
    const { uid, gid, mode } = fstatSync(fd);
    return { uid, gid, umask: ~mode & 0o777 };
  } finally {
    closeSync(fd);
    unlinkSync(at(root, name));
  }
}
