/** A worker thread that reads the files of rows, with synchronous calls, until there are no more. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { EntryRows, FIRST_ROW } from '../entry/rows.ts';
import { FileDigester } from './file-digester.ts';
import {
  type CrewData,
  ENDED,
  HASHED,
  HASHED_FILES,
  INCOMPLETE,
  type ReadFailure,
  STOPPED,
  VERSION,
} from './pool-state.ts';

const { task, control } = workerData as CrewData;
const digester = new FileDigester(task);
const chunks: EntryRows[] = [];
let chunk = 0;
let at = FIRST_ROW;
/** Bytes and files that the others do not know of yet. */
let hashed = 0;
let files = 0;
/** More than that they are told. */
const UNTOLD_BYTES = 1 << 20;
const UNTOLD_FILES = 64;

const failure = work();
digester.close();
parentPort!.postMessage(failure);

function work(): ReadFailure | undefined {
  for (;;) {
    // Both are looked at before the rows: what is added meanwhile makes another version.
    const version = Atomics.load(control, VERSION);
    const ended = Atomics.load(control, ENDED) === 1;
    const failure = readRows();
    if (failure !== undefined || ended || isStopped()) return failure;
    Atomics.wait(control, VERSION, version);
  }
}

/** Reads all that can be seen now. */
function readRows(): ReadFailure | undefined {
  for (let sent = receiveMessageOnPort(parentPort!); sent !== undefined; sent = receiveMessageOnPort(parentPort!)) {
    chunks.push(new EntryRows(sent.message as SharedArrayBuffer));
  }
  for (let rows = chunks[chunk]; rows !== undefined; rows = chunks[chunk]) {
    const isLast = chunk === chunks.length - 1;
    for (const { end } = rows; at < end; at = rows.next(at)) {
      if (isStopped()) return undefined;
      const failure = rows.take(at) ? read(rows) : undefined;
      if (failure !== undefined) return failure;
    }
    if (isLast) break;
    // Nothing is added to a chunk that has a successor, which was known before the end of this one was looked at.
    chunk += 1;
    at = FIRST_ROW;
  }
  return undefined;
}

function isStopped(): boolean {
  return Atomics.load(control, STOPPED) === 1;
}

function read(rows: EntryRows): ReadFailure | undefined {
  let told = 0;
  try {
    const large = digester.digest(rows, at);
    try {
      while (large !== undefined && !isStopped() && large.step()) {
        count(large.hashed - told);
        told = large.hashed;
      }
    } finally {
      large?.close();
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { path: rows.path(at), code, message };
  }
  if (digester.incomplete) Atomics.store(control, INCOMPLETE, 1);
  files += 1;
  count(rows.size(at) - told);
  return undefined;
}

function count(bytes: number): void {
  hashed += bytes;
  if (hashed < UNTOLD_BYTES && files < UNTOLD_FILES) return;
  Atomics.add(control, HASHED, Math.floor(hashed / 1024));
  Atomics.add(control, HASHED_FILES, files);
  hashed %= 1024;
  files = 0;
}
