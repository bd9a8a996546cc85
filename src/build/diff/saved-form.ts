/** How a file of `key --build --save` begins. Alone in a file, for it decides what a command line means. */

/** Whether a text begins as the file does, whoever has formatted it. */
export function looksSaved(text: string): boolean {
  return /^\s*\{[^{}]*"(?:document|detail)"\s*:/.test(text);
}
