/**
 * The flags of the built-in sources, typed by the scheme of a reference: a flag of another source does not compile where
 * the reference is written in the program.
 */

/** Flags of images: `docker-image://`, `oci-layout://`, `oci-archive://`, `docker-archive://`. */
export interface ImageAttributes {
  /** Which image of several, `os/arch[/variant]`; `linux` and the architecture of this machine when absent. */
  readonly platform?: string | undefined;
  /** Only the first N layers, from 1 on. */
  readonly 'layer-limit'?: number | undefined;
}

/** Flags of `docker-image://`. */
export interface RegistryImageAttributes extends ImageAttributes {
  /** The root digest that has to be found. */
  readonly checksum?: string | undefined;
}

/** Flags of directories. Patterns are those of a `.dockerignore`. */
export interface DirectoryAttributes {
  /** Patterns of what is taken. */
  readonly include?: readonly string[] | undefined;
  /** Patterns of what is left out, after the ignore file's. */
  readonly exclude?: readonly string[] | undefined;
  /** Paths that are taken with every link on the way to them. */
  readonly 'follow-path'?: readonly string[] | undefined;
  /** The file of patterns to read instead of `.dockerignore`. */
  readonly 'ignore-file'?: string | undefined;
  /** Reads no file of patterns. */
  readonly 'no-ignore-file'?: boolean | undefined;
  /** The Dockerfile, whose own ignore file goes first. */
  readonly file?: string | undefined;
  /** `exec` counts only who may execute; `exact` when absent. */
  readonly modes?: 'exact' | 'exec' | undefined;
  /** The session of the definition key; random when absent. */
  readonly 'session-id'?: string | undefined;
}

/** Flags of git repositories. */
export interface GitAttributes {
  /** The commit ID that has to be found, or its beginning. */
  readonly checksum?: string | undefined;
  /** The directory `.git` is part of the content. */
  readonly 'keep-git-dir'?: boolean | undefined;
  /** Leaves submodules out. */
  readonly 'skip-submodules'?: boolean | undefined;
  /** Whose times the files get; `checkout` when absent. */
  readonly mtime?: 'checkout' | 'commit' | undefined;
  /** Resolves nothing: the commit is the one of `checksum`. */
  readonly 'fetch-by-commit'?: boolean | undefined;
  /** Path of a file with a token. */
  readonly 'auth-token-file'?: string | undefined;
  /** Path of the file with the ssh host keys to trust. */
  readonly 'known-hosts'?: string | undefined;
}

/** Flags of blobs: `docker-image+blob://`, `oci-layout+blob://`. */
export interface BlobAttributes {
  /** The name of the file. */
  readonly filename?: string | undefined;
  /** Mode of the file, octal with a leading 0. */
  readonly perm?: string | undefined;
  /** Owner of the file, a number. */
  readonly uid?: string | undefined;
  /** Group of the file, a number. */
  readonly gid?: string | undefined;
}

/** Flags of files on the web: `https://`, `http://`. */
export interface HttpAttributes extends BlobAttributes {
  /** The digest that has to be found. */
  readonly checksum?: string | undefined;
  /** `NAME: VALUE`, sent to the address's own origin. */
  readonly header?: readonly string[] | undefined;
  /** Path of a file with a token. */
  readonly 'auth-token-file'?: string | undefined;
  /** Writes what is in the archive. */
  readonly unpack?: boolean | undefined;
  /** With `unpack`, how many leading directories are dropped. */
  readonly 'strip-components'?: number | undefined;
}

/**
 * The flags by scheme. A source from outside tells of its own:
 * `declare module 'ctxsrc' { interface AttributesByScheme { mine: { readonly 'my-flag'?: string } } }`.
 */
export interface AttributesByScheme {
  /** An image in a registry. */
  readonly 'docker-image': RegistryImageAttributes;
  /** An image in a directory. */
  readonly 'oci-layout': ImageAttributes;
  /** An image in one file. */
  readonly 'oci-archive': ImageAttributes;
  /** An image in one file, as `docker save` writes it. */
  readonly 'docker-archive': ImageAttributes;
  /** A directory. */
  readonly local: DirectoryAttributes;
  /** A repository, which ssh and https lead to as well. */
  readonly git: GitAttributes;
  /** A repository reached by ssh. */
  readonly ssh: GitAttributes;
  /** A file on the web, or a repository whose address ends in `.git`. */
  readonly https: HttpAttributes | GitAttributes;
  /** As `https`. */
  readonly http: HttpAttributes | GitAttributes;
  /** One blob of a registry. */
  readonly 'docker-image+blob': BlobAttributes;
  /** One blob of a layout. */
  readonly 'oci-layout+blob': BlobAttributes;
}

/**
 * All flags of all sources, for a reference that is not known before the program runs. Each source takes its own only
 * (`E_USAGE`); `ctxsrc sources` lists which.
 */
export interface SourceAttributes extends RegistryImageAttributes, DirectoryAttributes, GitAttributes, HttpAttributes {}

type SchemeOf<Before extends string> = Before extends `${string}=${infer Scheme}` ? Scheme : Before;

/** The flags that a reference takes, by its text: those of its scheme, of all sources where the text is not known. */
export type AttributesOf<Reference extends string> = string extends Reference
  ? SourceAttributes
  : Reference extends `${infer Before}://${string}`
    ? SchemeOf<Before> extends keyof AttributesByScheme
      ? AttributesByScheme[SchemeOf<Before>]
      : SourceAttributes
    : Reference extends `${string}@${string}:${string}`
      ? GitAttributes
      : Reference extends `${'.' | '/'}${string}`
        ? DirectoryAttributes
        : SourceAttributes;
