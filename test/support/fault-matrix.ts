/**
 * The matrix {fault} x {manifest, token, blob}: what happens to a pull when one of its requests is spoilt. Each row has an
 * expected outcome, checked by `runCase`.
 */
import { expect } from 'vitest';
import type { NetworkOptions } from '../../src/contract/source.ts';
import { CtxsrcError, ERROR_EXITS, type ErrorCode } from '../../src/core/errors.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { type Fault, FaultProxy } from './fault-proxy.ts';
import { digestOf, LayoutBuilder } from './layout-builder.ts';
import { TestRegistry } from './registry.ts';
import { networkOptions, TestClock, testJob } from './registry-job.ts';

interface Outcome {
  /** `ok`: the pull succeeds; otherwise the code it fails with. */
  readonly result: 'ok' | ErrorCode;
  /** Milliseconds that must have been waited at least. */
  readonly waits?: number;
  /** Requests of the target, all tries counted, at most. */
  readonly most?: number;
  /** `retryAfter` of the error, in seconds. */
  readonly retryAfter?: number;
}

export interface Row {
  readonly name: string;
  /** What is done to the nth spoilable request of the target. */
  readonly fault: (nth: number) => Fault | undefined;
  readonly network?: Partial<NetworkOptions>;
  readonly manifest: Outcome;
  readonly token: Outcome;
  readonly blob: Outcome;
}

export const TARGETS = ['manifest', 'token', 'blob'] as const;

const first =
  (count: number, fault: Fault): Row['fault'] =>
  (nth) =>
    nth < count ? fault : undefined;
const always =
  (fault: Fault): Row['fault'] =>
  () =>
    fault;
const ok: Outcome = { result: 'ok' };
const all = (outcome: Outcome): Pick<Row, 'manifest' | 'token' | 'blob'> => ({
  manifest: outcome,
  token: outcome,
  blob: outcome,
});
const status = (code: number, headers?: Record<string, string>, body?: string): Fault => ({
  kind: 'answer',
  status: code,
  ...(headers === undefined ? {} : { headers }),
  ...(body === undefined ? {} : { body }),
});

const QUOTA = '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}';
// A busy machine is slow of itself: where one stall has to be survived there are tries to spare.
const STALL = 1500;
const SURVIVES: Partial<NetworkOptions> = { stallTimeout: STALL, retry: 4 };
const GIVES_UP: Partial<NetworkOptions> = { stallTimeout: STALL, retry: 1 };

export const ROWS: readonly Row[] = [
  { name: 'nothing', fault: () => undefined, ...all(ok) },
  { name: 'reset twice', fault: first(2, { kind: 'reset' }), ...all(ok) },
  { name: 'reset always', fault: always({ kind: 'reset' }), ...all({ result: 'E_NETWORK', most: 8 }) },
  { name: '500 once', fault: first(1, status(500)), ...all(ok) },
  {
    name: '502 with a page',
    fault: first(1, status(502, { 'content-type': 'text/html' }, '<h1>Bad Gateway</h1>')),
    ...all(ok),
  },
  { name: '503 twice', fault: first(2, status(503)), ...all(ok) },
  {
    name: '503 with Retry-After',
    fault: first(1, status(503, { 'retry-after': '2' })),
    ...all({ result: 'ok', waits: 2000 }),
  },
  { name: '503 always', fault: always(status(503)), ...all({ result: 'E_SERVER', most: 6 }) },
  {
    name: '503 for an hour',
    fault: always(status(503, { 'retry-after': '3600' })),
    ...all({ result: 'E_SERVER', most: 1 }),
  },
  { name: '408 once', fault: first(1, status(408)), ...all(ok) },
  {
    name: '429 with seconds',
    fault: first(1, status(429, { 'retry-after': '3' })),
    ...all({ result: 'ok', waits: 3000 }),
  },
  {
    name: '429 with a date',
    // Ten seconds after the moment at which the test's clock starts.
    fault: first(1, status(429, { 'retry-after': new Date(1_700_000_010_000).toUTCString() })),
    ...all({ result: 'ok', waits: 9000 }),
  },
  { name: '429 without a word, twice', fault: first(2, status(429)), ...all(ok) },
  { name: '429 always', fault: always(status(429)), ...all({ result: 'E_RATE_LIMIT', most: 6 }) },
  {
    name: '429, quota used up (Docker Hub)',
    fault: always(status(429, { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' }, QUOTA)),
    ...all({ result: 'E_RATE_LIMIT', most: 1, retryAfter: 21_600 }),
  },
  {
    name: '429, come back tomorrow',
    fault: always(status(429, { 'retry-after': '86400' }, QUOTA)),
    ...all({ result: 'E_RATE_LIMIT', most: 1, retryAfter: 86_400 }),
  },
  {
    name: '401 once',
    fault: first(1, status(401, { 'www-authenticate': 'Bearer realm="http://PROXY/token",service="test"' })),
    manifest: ok,
    token: { result: 'E_UNAUTHORIZED', most: 1 },
    blob: ok,
  },
  {
    name: '401 always',
    fault: always(status(401, { 'www-authenticate': 'Bearer realm="http://PROXY/token",service="test"' })),
    ...all({ result: 'E_UNAUTHORIZED', most: 3 }),
  },
  {
    name: '403',
    fault: always(status(403)),
    ...all({ result: 'E_FORBIDDEN', most: 1 }),
    // Only the body of a GET can say why.
    manifest: { result: 'E_FORBIDDEN', most: 2 },
  },
  {
    name: '404',
    fault: always(status(404, {}, '{"errors":[{"code":"UNKNOWN"}]}')),
    manifest: { result: 'E_TAG_NOT_FOUND', most: 2 },
    token: { result: 'E_REGISTRY_PROTOCOL', most: 2 },
    blob: { result: 'E_BLOB_NOT_FOUND', most: 1 },
  },
  {
    name: '416',
    fault: always(status(416)),
    manifest: { result: 'E_REGISTRY_PROTOCOL', most: 2 },
    token: { result: 'E_REGISTRY_PROTOCOL', most: 1 },
    blob: { result: 'E_REGISTRY_PROTOCOL', most: 1 },
  },
  { name: 'cut in the middle, once', fault: first(1, { kind: 'cut', at: 40 }), ...all(ok) },
  { name: 'cut before the first byte, twice', fault: first(2, { kind: 'cut', at: 0 }), ...all(ok) },
  {
    name: 'cut in the same place always',
    fault: (nth) => ({ kind: 'cut', at: nth === 0 ? 40 : 0 }),
    ...all({ result: 'E_NETWORK', most: 8 }),
  },
  { name: 'no answer, once', network: SURVIVES, fault: first(1, { kind: 'silence' }), ...all(ok) },
  {
    name: 'no answer, ever',
    network: GIVES_UP,
    fault: always({ kind: 'silence' }),
    ...all({ result: 'E_STALLED', most: 4 }),
  },
  { name: 'stalled in the middle, once', network: SURVIVES, fault: first(1, { kind: 'stall', at: 40 }), ...all(ok) },
  {
    name: 'stalled always',
    network: GIVES_UP,
    fault: always({ kind: 'stall', at: 0 }),
    ...all({ result: 'E_STALLED', most: 4 }),
  },
  { name: 'slow', fault: always({ kind: 'drip', size: 2048, ms: 2 }), ...all(ok) },
  { name: 'not HTTP, once', fault: first(1, { kind: 'garbage' }), ...all(ok) },
  { name: 'not HTTP, ever', fault: always({ kind: 'garbage' }), ...all({ result: 'E_REGISTRY_PROTOCOL', most: 8 }) },
  {
    name: 'content changed',
    fault: always({ kind: 'change' }),
    manifest: { result: 'E_DIGEST_MISMATCH' },
    token: { result: 'E_REGISTRY_PROTOCOL', most: 1 },
    blob: { result: 'E_DIGEST_MISMATCH', most: 1 },
  },
  {
    name: 'empty answer',
    fault: always(status(200)),
    manifest: { result: 'E_REGISTRY_PROTOCOL' },
    token: { result: 'E_REGISTRY_PROTOCOL', most: 1 },
    blob: { result: 'E_DIGEST_MISMATCH', most: 1 },
  },
  {
    name: "somebody's login page",
    fault: always(status(200, { 'content-type': 'text/html' }, '<html>Please log in</html>')),
    manifest: { result: 'E_REGISTRY_PROTOCOL' },
    token: { result: 'E_REGISTRY_PROTOCOL', most: 1 },
    blob: { result: 'E_DIGEST_MISMATCH', most: 1 },
  },
  { name: 'no length', fault: always({ kind: 'headers', headers: { 'content-length': undefined } }), ...all(ok) },
  { name: 'no content type', fault: always({ kind: 'headers', headers: { 'content-type': undefined } }), ...all(ok) },
  {
    name: 'no digest',
    fault: always({ kind: 'headers', headers: { 'docker-content-digest': undefined } }),
    ...all(ok),
  },
  {
    name: 'another digest than the content',
    fault: always({ kind: 'headers', headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } }),
    manifest: { result: 'E_NOT_FOUND' },
    token: ok,
    blob: ok,
  },
  {
    name: 'too long',
    fault: always({ kind: 'pad', bytes: 5 * 1024 * 1024 }),
    manifest: { result: 'E_LIMIT' },
    token: { result: 'E_LIMIT', most: 1 },
    blob: { result: 'E_DIGEST_MISMATCH', most: 1 },
  },
  {
    name: 'redirected without end',
    fault: always(status(307, { location: '?again' })),
    ...all({ result: 'E_REGISTRY_PROTOCOL', most: 11 }),
  },
  {
    name: 'cut, then a range that cannot be had',
    fault: (nth) => (nth === 0 ? { kind: 'cut', at: 40 } : { kind: 'range', how: 'refuse' }),
    ...all(ok),
  },
  {
    name: 'cut, then the whole',
    fault: (nth) => (nth === 0 ? { kind: 'cut', at: 40 } : { kind: 'range', how: 'whole' }),
    ...all(ok),
  },
  {
    name: 'cut, then another range than asked for',
    fault: (nth) => (nth === 0 ? { kind: 'cut', at: 40 } : { kind: 'range', how: 'shift' }),
    ...all(ok),
  },
  {
    name: 'cut, then other bytes than it says',
    fault: (nth) => (nth === 0 ? { kind: 'cut', at: 40 } : { kind: 'range', how: 'lie' }),
    manifest: ok,
    token: ok,
    blob: { result: 'E_DIGEST_MISMATCH' },
  },
];

const PASSWORD = 'planted-secret-Pa55w0rd';
const USERNAME = 'robot';

/** One pull (tag, manifest, blob) through the fault; fails the test when the outcome is not the expected one. */
export async function runCase(row: Row, target: (typeof TARGETS)[number]): Promise<void> {
  const layout = new LayoutBuilder();
  const blob = Buffer.alloc(200_000, 'content of a layer ');
  const layer = layout.blob(blob, 'application/vnd.oci.image.layer.v1.tar');
  const root = layout.image({ layers: [{ descriptor: layer, diffId: layer.digest }] });
  const registry = await TestRegistry.start({ auth: { kind: 'bearer', username: USERNAME, password: PASSWORD } });
  registry.push(layout, 'team/app', 'v1', root);
  const proxy = await FaultProxy.start(registry.host);
  let spoilable = 0;
  proxy.plan = (seen) => {
    // Until it has the token the client only hears that it needs one.
    if (seen.target !== target || (target !== 'token' && seen.headers.authorization === undefined)) return undefined;
    const fault = row.fault(spoilable);
    // A HEAD has no body to cut, stall or change; the fault waits for the GET.
    if (seen.method === 'HEAD' && fault !== undefined && isOfBody(fault)) return undefined;
    spoilable += 1;
    return fault === undefined ? undefined : placed(fault, proxy.host);
  };
  const clock = new TestClock();
  const client = createRegistryClient({ network: networkOptions(row.network), env: {}, clock });
  const job = testJob(() => ({ kind: 'basic', username: USERNAME, password: PASSWORD, origin: 'the test' }));
  const name = { host: proxy.host, repository: 'team/app' };
  let failure: unknown;
  try {
    const { descriptor } = await client.resolve(job, name, 'v1');
    const manifest = await client.manifest(job, name, descriptor.digest, descriptor.size);
    expect(digestOf(manifest.bytes)).toBe(root.digest);
    expect(manifest.mediaType).toBe(root.mediaType);
    const source = await client.blob(job, name, layer.digest);
    expect(source.offset).toBe(0);
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.body) chunks.push(new Uint8Array(chunk));
    // What the store does.
    if (digestOf(Buffer.concat(chunks)) !== layer.digest)
      throw new CtxsrcError('E_DIGEST_MISMATCH', 'found by the reader');
  } catch (error) {
    failure = error;
  } finally {
    await client.close();
    await proxy.stop();
    await registry.stop();
  }
  check(row[target], failure, spoilable, clock, job.events, name.host);
}

function check(
  expected: Outcome,
  failure: unknown,
  requests: number,
  clock: TestClock,
  events: readonly unknown[],
  host: string,
): void {
  if (expected.result === 'ok') {
    if (failure !== undefined) throw failure;
  } else {
    if (!(failure instanceof CtxsrcError))
      throw failure ?? new Error(`succeeded where ${expected.result} was expected`);
    expect(failure.code, failure.message).toBe(expected.result);
    expect(failure.exit).toBe(ERROR_EXITS[expected.result]);
    if (failure.message !== 'found by the reader') {
      expect(failure.message).toContain(host);
      expect(failure.hint ?? '').not.toBe('');
    }
    if (expected.retryAfter !== undefined) expect(failure.details?.retryAfter).toBe(expected.retryAfter);
  }
  if (expected.most !== undefined) expect(requests).toBeLessThanOrEqual(expected.most);
  if (expected.waits !== undefined) expect(clock.waited).toBeGreaterThanOrEqual(expected.waits);
  const told = JSON.stringify([
    events,
    failure instanceof CtxsrcError ? [failure.message, failure.hint, failure.details] : [],
  ]);
  expect(told).not.toContain(PASSWORD);
  expect(told).not.toContain(Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64'));
  expect(told).not.toContain('token-of-the-test-registry');
}

function isOfBody(fault: Fault): boolean {
  return ['cut', 'stall', 'drip', 'change', 'range'].includes(fault.kind);
}

/** The fault with PROXY in its headers replaced by the proxy's host. */
function placed(fault: Fault, host: string): Fault {
  if (fault.kind !== 'answer' || fault.headers === undefined) return fault;
  const headers = Object.entries(fault.headers).map(([name, value]) => [name, value.replace('PROXY', host)] as const);
  return { ...fault, headers: Object.fromEntries(headers) };
}
