/** Mistakes put into the rules of `key --build`, each of which the whole projects must notice: what, and how it gets in. */
import type { Mutation } from './bundle.ts';

const VIEW = 'src/build/step/cache-view.ts';
const SELECTION = 'src/build/step/selection.ts';
const STEPS = 'src/build/step/steps.ts';
const DOCUMENT = 'src/build/document.ts';
const KEYS = 'src/build/source-keys.ts';
const CONTEXTS = 'src/build/contexts.ts';

interface KeyMutation extends Mutation {
  readonly what: string;
  /** One that notices it. */
  readonly project: string;
}

export const KEY_MUTATIONS: readonly KeyMutation[] = [
  {
    what: 'proxies count',
    project: 'proxies',
    file: VIEW,
    from: 'const { proxy_env: _, extraHosts, ...meta } = op.meta;',
    to: 'const { extraHosts, ...meta } = op.meta;',
  },
  {
    what: 'addresses of hosts count',
    project: 'hosts',
    file: VIEW,
    from: 'extraHosts: extraHosts.map(({ Host }) => ({ Host }))',
    to: 'extraHosts',
  },
  {
    what: 'names of caches count',
    project: 'mount-whole',
    file: VIEW,
    from: 'hidesCache(mount) ? withoutCacheName(mount) : mount',
    to: 'mount',
  },
  {
    what: 'folders of copied files count',
    project: 'same-names',
    file: VIEW,
    from: 'src: baseName(copy.src)',
    to: 'src: copy.src',
  },
  {
    what: 'operations do not count',
    project: 'go-service',
    file: DOCUMENT,
    from: 'operation, inputs: inputs.map',
    to: 'inputs: inputs.map',
  },
  {
    what: 'configurations do not count',
    project: 'settings-only',
    file: DOCUMENT,
    from: 'config: configDigest(imageConfig),',
    to: '',
  },
  {
    what: 'the history counts',
    project: 'static-site',
    file: DOCUMENT,
    from: '{ history: _, created: __, ...config }',
    to: '{ created: __, ...config }',
  },
  {
    what: 'paths in images do not count',
    project: 'mounts',
    file: STEPS,
    from: '(input.whole || source?.ofFiles !== true)',
    to: 'input.whole',
  },
  {
    what: 'mounts take everything',
    project: 'mounts',
    file: SELECTION,
    from: "if (vertex.kind === 'exec') selectMounts(vertex.op as unknown as ExecOperation, add);",
    to: '',
  },
  {
    what: 'nothing is excluded',
    project: 'excludes',
    file: SELECTION,
    from: 'exclude: copy.exclude_patterns ?? []',
    to: 'exclude: []',
  },
  {
    what: 'named links are not followed',
    project: 'links',
    file: SELECTION,
    from: 'followLinks: copy.followSymlink === true',
    to: 'followLinks: false',
  },
  {
    what: 'sources change places unseen',
    project: 'same-names',
    file: KEYS,
    from: "digests.join('\\n')",
    to: "digests.sort().join('\\n')",
  },
  {
    what: 'digests of lists count',
    project: 'go-service',
    file: KEYS,
    from: 'isDownload(source) && !selections.some(takesAll)',
    to: 'true',
  },
  {
    what: 'the ignore file is not read',
    project: 'go-service',
    file: CONTEXTS,
    from: 'isHere ? await contextIgnores(job, context, dockerfile) : NO_IGNORES',
    to: 'NO_IGNORES',
  },
];
