/**
 * Attributes are what flags add to a reference, and they may change its content. Each source declares the attributes it
 * understands.
 */

export type AttributeValue = string | number | boolean | readonly string[];

/** Attribute values by name (`platform`, `layer-limit`, `include`, …). An absent attribute is absent, never undefined. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** An attribute as a flag of the command line; help, completion and errors are built from it. */
export interface AttributeSpec {
  /** Name of the attribute and, with `--` before it, of the flag. */
  readonly name: string;
  /** `flag` is a boolean; a `list` may be given several times. */
  readonly kind: 'text' | 'number' | 'flag' | 'list';
  /** Placeholder in help, for instance `os/arch[/variant]`. */
  readonly placeholder?: string;
  /** One letter, with `-` before it. */
  readonly short?: string;
  /** One line for `--help`. */
  readonly help: string;
  /** A working value, for help and errors. */
  readonly example?: string;
  /** The values that are taken; all when absent. */
  readonly choices?: readonly string[];
  /**
   * How a lock file stores the value. Absent: as it is. `path`: relative to the lock file. `never`: not at all, because
   * the value says how this user reaches the source and may be a secret.
   */
  readonly locked?: 'path' | 'never';
  /** The value is a secret: it is in no lock file, sidecar or document, and in no key or message. */
  readonly secret?: boolean;
  /**
   * False for an attribute that only chooses the form in which the content is written (`--unpack` of a file): it
   * changes the files but not the key. Every other attribute that changes files changes the key, too.
   */
  readonly keyed?: boolean;
}
