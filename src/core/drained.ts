import type { Writable } from 'node:stream';

/** Resolves when the stream accepts more data, or never will again (it closed or failed). */
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
