/**
 * Archives and images that want to do harm, or are broken, each with what must come of it: an error code, or exactly
 * this tree. Everything is made by code; nothing here reads or writes a file. A file a kind of attack.
 */
import type { HostileCase } from './hostile/case.ts';
import { COLLISIONS } from './hostile/collisions.ts';
import { COMPRESSION } from './hostile/compression.ts';
import { DEVICES } from './hostile/devices.ts';
import { EXTENSIONS } from './hostile/extensions.ts';
import { HEADERS } from './hostile/headers.ts';
import { LINKS } from './hostile/links.ts';
import { NAMES } from './hostile/names.ts';
import { SPARSE } from './hostile/sparse.ts';
import { WHITEOUTS } from './hostile/whiteouts.ts';

export type { HostileCase };

export const HOSTILE_CASES: readonly HostileCase[] = [
  ...NAMES,
  ...LINKS,
  ...WHITEOUTS,
  ...DEVICES,
  ...HEADERS,
  ...EXTENSIONS,
  ...SPARSE,
  ...COMPRESSION,
  ...COLLISIONS,
];
