/** Images that need no layout, and pushes of them to a registry of this process. */
import { contentOfBytes, type OutgoingBlob } from '../../src/registry/push/blob.ts';
import type { PushPlan } from '../../src/snapshot/push/plan.ts';
import { pushToRegistry } from '../../src/snapshot/push/to-registry.ts';
import { parseDestination, type RegistryTarget } from '../../src/source/destination.ts';
import { digestOf } from './layout-builder.ts';
import type { PushRegistry } from './push-registry.ts';
import { networkOptions, TestClock, type TestJob, testJob } from './registry-job.ts';

export function outgoing(bytes: Buffer, kind = 'layer'): OutgoingBlob {
  return { digest: digestOf(bytes), size: bytes.length, kind, content: async () => contentOfBytes(bytes) };
}

/** An image of a configuration and these layers, its manifest with odd white space. */
export function imageOf(...layers: readonly Buffer[]): PushPlan {
  const config = Buffer.from('{"architecture":"amd64"}');
  const blobs = [outgoing(config, 'configuration'), ...layers.map((layer) => outgoing(layer))];
  const bytes = Buffer.from(`{ "config":"${digestOf(config)}",\t"layers":${JSON.stringify(layers.map(digestOf))} }\n`);
  const root = { digest: digestOf(bytes), mediaType: 'application/vnd.oci.image.manifest.v1+json', bytes };
  return { root, children: [], blobs, index: undefined, attestations: 0 };
}

export const layerOf = (length: number, fill = 1): Buffer => Buffer.alloc(length, fill);

export interface PlanPush extends NonNullable<Parameters<typeof networkOptions>[0]> {
  /** Default: `team/app:1`. */
  readonly to?: string;
  /** Another repository of the registry that the content comes from. */
  readonly from?: string;
  readonly clock?: TestClock;
  readonly tell?: Parameters<typeof pushToRegistry>[3]['tell'];
  readonly job?: TestJob;
}

/** The credential that such a push has. */
export const PUSH_LOGIN = { kind: 'basic', username: 'u', password: 'secret-word', origin: 'test' } as const;

export function pushPlan(
  { host }: PushRegistry,
  plan: PushPlan,
  options: PlanPush = {},
): Promise<{ readonly moved: boolean }> {
  const { to = 'team/app:1', from, clock = new TestClock(), tell = () => undefined, job, ...network } = options;
  return pushToRegistry(
    job ?? testJob(() => PUSH_LOGIN),
    plan,
    parseDestination(`docker-image://${host}/${to}`, '/') as RegistryTarget,
    {
      env: { network: networkOptions(network), offline: false },
      clock,
      dryRun: false,
      from: from === undefined ? undefined : { host, repository: from },
      tell,
    },
  );
}
