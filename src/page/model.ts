/** What a page shows: made from a report, turned into text by `render.ts`. Types only. Names are texts as they came. */

export interface Page {
  /** The name of what it is about. */
  readonly title: string;
  /** The answer in one sentence. */
  readonly sentence: string;
  readonly facts: readonly Fact[];
  readonly sections: readonly Section[];
  readonly files?: PageFiles | undefined;
  /** The same in numbers, for programs: a page saves it, and its files with it. */
  readonly report: object;
  /** What comes behind the files. */
  readonly appendix?: readonly Section[];
}

export interface Fact {
  readonly label: string;
  readonly value: string;
  /** A digest or a reference, which people copy. */
  readonly code?: true | undefined;
}

/** A table. */
export interface Section {
  readonly heading: string;
  readonly note?: string | undefined;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

interface Column {
  readonly name: string;
  /** Words are short and ours; what has no kind is a name from outside, of any length. */
  readonly kind?: 'number' | 'word' | 'code' | 'bar' | 'prose' | undefined;
}

export interface Row {
  /** A text for each column; of a bar an amount. */
  readonly cells: readonly (string | number)[];
  readonly tone?: Tone | undefined;
  /** The tag of files that the row stands for: it filters them. */
  readonly tag?: number | undefined;
}

/** A colour; the letter or number beside it says the same. */
export type Tone = 'base' | 'added' | 'changed' | 'gone' | 'other' | `tone${number}`;

/** Files as a list and a map. */
export interface PageFiles {
  readonly heading: string;
  readonly note?: string | undefined;
  /** What their tags are: `Layer`, `Change`; without it they have none. */
  readonly tagHead?: string | undefined;
  readonly tags: readonly { readonly label: string; readonly tone: Tone }[];
  /** What the numbers of bytes are. */
  readonly sizeHead: string;
  /** What is counted. */
  readonly countHead: 'Files' | 'Paths';
  /** A folder before what is in it; folders may be left out. */
  readonly files: Iterable<PageFile>;
}

export interface PageFile {
  /** For people, without control characters. */
  readonly path: string;
  readonly isFolder: boolean;
  readonly size: number;
  /** 1, or 0 for a folder that is there because of what is in it. */
  readonly count: number;
  /** The place of its tag. */
  readonly tag: number;
  /** Mode, owner, where a link leads. */
  readonly note: string;
}
