import type { Writable } from 'node:stream';

/** Resolves when a stream takes more, or will take none. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const goOn = (): void => {
      stream.off('drain', goOn).off('close', goOn);
      resolve();
    };
    if (stream.closed) goOn();
    else stream.on('drain', goOn).on('close', goOn);
  });
}
