/** The history of an image while a stage adds to it. */
export interface HistoryEntry {
  readonly created?: string | undefined;
  readonly created_by: string;
  readonly author?: string;
  readonly comment: string;
  readonly empty_layer: boolean;
}

/** That of a stage refers to that of its base, so that a chain of thousands of stages holds each entry once. */
export class ImageHistory {
  readonly #base: ImageHistory | undefined;
  readonly #own: HistoryEntry[];

  /** @param base gets no entries any more */
  constructor(own: HistoryEntry[], base?: ImageHistory) {
    this.#own = own;
    this.#base = base;
  }

  push(entry: HistoryEntry): void {
    this.#own.push(entry);
  }

  /** From the first entry of the bottom image on. */
  list(): HistoryEntry[] {
    const parts: HistoryEntry[][] = [];
    for (let at: ImageHistory | undefined = this; at !== undefined; at = at.#base) parts.push(at.#own);
    return parts.reverse().flat();
  }
}
