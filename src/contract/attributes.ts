/** Attributes are what flags add to a reference and what changes its content. Each source declares those it understands. */

export type AttributeValue = string | number | boolean | readonly string[];

/** Attribute values by name (`platform`, `layer-limit`, `include`, …). An absent attribute is absent, never undefined. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** How the command line makes a flag of an attribute; help, completion and errors are built from it. */
export interface AttributeSpec {
  /** Name of the attribute and, with `--` before it, of the flag. */
  readonly name: string;
  /** `flag`: a boolean; `list`: may be given several times. */
  readonly kind: 'text' | 'number' | 'flag' | 'list';
  /** Placeholder in help, for instance `os/arch[/variant]`. */
  readonly placeholder?: string;
  readonly short?: string;
  /** One line for `--help`. */
  readonly help: string;
  /** A value that works, for help and errors. */
  readonly example?: string;
  readonly choices?: readonly string[];
  /**
   * What a lock file keeps of it: of a `path` one that is relative to the file; `never` anything of what says how this
   * user reaches the source, and may be a secret. Unless given the value as it is.
   */
  readonly locked?: 'path' | 'never';
  /** Its value is a secret: no lock file, sidecar or document keeps it, and neither a key nor a message may hold it. */
  readonly secret?: boolean;
  /**
   * False of what only says in which form the content is written (`--unpack` of a file): the key is the same with it, the
   * files are others. Of everything else that changes files the key depends.
   */
  readonly keyed?: boolean;
}
