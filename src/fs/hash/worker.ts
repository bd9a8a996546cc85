/** A worker thread that reads the files of rows synchronously until no more rows come. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { runWork } from '../../core/thread/thread.ts';
import { EntryRows, FIRST_ROW } from '../entry/rows.ts';
import { FileDigester } from './file-digester.ts';
import { ENDED, HASHED, HASHED_FILES, type HashThreadData, INCOMPLETE, STOPPED, VERSION } from './pool-state.ts';

const { task, control } = workerData as HashThreadData;
const digester = new FileDigester(task);
const chunks: EntryRows[] = [];
let chunk = 0;
let at = FIRST_ROW;
/** Bytes and files that were not added to the shared counters yet. */
let hashed = 0;
let files = 0;
/** Bytes after which the shared counters are updated. */
const UNCOUNTED_BYTES = 1 << 20;
const UNCOUNTED_FILES = 64;

void runWork(() => {
  try {
    work();
  } finally {
    digester.close();
  }
});

function work(): void {
  for (;;) {
    // Read before the rows: a row that is added afterwards changes the version.
    const version = Atomics.load(control, VERSION);
    const ended = Atomics.load(control, ENDED) === 1;
    readRows();
    if (ended || isStopped()) return;
    Atomics.wait(control, VERSION, version);
  }
}

/** Reads the files of all rows that are visible now. */
function readRows(): void {
  for (let sent = receiveMessageOnPort(parentPort!); sent !== undefined; sent = receiveMessageOnPort(parentPort!)) {
    chunks.push(new EntryRows(sent.message as SharedArrayBuffer));
  }
  for (let rows = chunks[chunk]; rows !== undefined; rows = chunks[chunk]) {
    const isLast = chunk === chunks.length - 1;
    for (const { end } = rows; at < end; at = rows.next(at)) {
      if (isStopped()) return;
      if (rows.take(at)) read(rows);
    }
    if (isLast) return;
    // A chunk that has a successor is complete. The successor was known before the end of this chunk was read.
    chunk += 1;
    at = FIRST_ROW;
  }
}

function isStopped(): boolean {
  return Atomics.load(control, STOPPED) === 1;
}

function read(rows: EntryRows): void {
  let counted = 0;
  const large = digester.digest(rows, at);
  try {
    while (large !== undefined && !isStopped() && large.step()) {
      count(large.hashed - counted);
      counted = large.hashed;
    }
  } finally {
    large?.close();
  }
  if (digester.incomplete) Atomics.store(control, INCOMPLETE, 1);
  files += 1;
  count(rows.size(at) - counted);
}

function count(bytes: number): void {
  hashed += bytes;
  if (hashed < UNCOUNTED_BYTES && files < UNCOUNTED_FILES) return;
  Atomics.add(control, HASHED, Math.floor(hashed / 1024));
  Atomics.add(control, HASHED_FILES, files);
  hashed %= 1024;
  files = 0;
}
