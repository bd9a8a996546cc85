/** Checks of what the program runs on: Node, the native package, the user, other programs, the proxy. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, programPath, startProgram } from '../../core/programs.ts';
import { loadNative } from '../../fs/native/native.ts';
import { proxyFor } from '../../http/proxy.ts';
import { type Finding, findingOf, homely, homelyWord, type Surroundings } from '../check.ts';

/** The version of Node, and whose authorities it trusts. */
export async function node({ env, network }: Surroundings): Promise<Finding> {
  const { node, zstd } = process.versions;
  const extra = env.NODE_EXTRA_CA_CERTS;
  const facts = {
    version: node,
    zstd: zstd !== undefined,
    platform: `${process.platform}/${process.arch}`,
    extraCas: extra !== undefined,
  };
  const text = `${node} on ${facts.platform}${facts.zstd ? '; zstd built in' : ''}`;
  const broken = await brokenAuthorities(network.caFile, env);
  if (broken !== undefined) return { ...broken, facts: { ...facts, ...broken.facts } };
  if (!extra) return { status: 'ok', text, facts };
  try {
    readFileSync(extra);
    return { status: 'ok', text: `${text}; authorities: bundled and NODE_EXTRA_CA_CERTS`, facts };
  } catch {
    const missing = `NODE_EXTRA_CA_CERTS names ${homely(extra, env)}, which cannot be read`;
    return { status: 'warn', text: `${text}; ${missing}`, facts, mend: 'unset NODE_EXTRA_CA_CERTS' };
  }
}

/** A file of authorities that is named and of no use: every connection by TLS fails. */
async function brokenAuthorities(caFile: string | undefined, env: Surroundings['env']): Promise<Finding | undefined> {
  if (!caFile && !env.SSL_CERT_FILE) return undefined;
  const { authoritiesOf } = await import('../../http/trust.ts');
  const isOfVariable = caFile !== undefined && caFile === env.CTXSRC_CA_FILE;
  const tries = [
    { name: isOfVariable ? 'CTXSRC_CA_FILE' : '--ca-file', file: caFile },
    { name: 'SSL_CERT_FILE', file: env.SSL_CERT_FILE },
  ].map(({ name, file }) =>
    authoritiesOf(file, name).then(
      () => undefined,
      (error: unknown) => ({ name, error }),
    ),
  );
  const broken = (await Promise.all(tries)).filter((one) => one !== undefined);
  const [first] = broken;
  if (first === undefined) return undefined;
  const canUnset = broken.every(({ name }) => name !== '--ca-file');
  return findingOf(first.error, env, canUnset ? unset(broken.map(({ name }) => name)) : undefined);
}

/** All that are of no use: after one alone the next would be the fault. */
const unset = (variables: readonly string[]): Pick<Finding, 'mend'> => ({ mend: `unset ${variables.join(' ')}` });

const KOFFI = '3.3.4';

/** The optional package for what Node cannot do. */
export function native({ env }: Surroundings): Finding {
  const calls = loadNative();
  const facts = { loaded: calls !== undefined, ...calls?.capabilities };
  if (calls !== undefined) return { status: 'ok', text: 'koffi: extended attributes, nanoseconds, devices', facts };
  if (process.platform !== 'linux') {
    return { status: 'ok', text: `nothing native for ${process.platform}: no extended attributes are seen`, facts };
  }
  const text = 'koffi is not installed: extended attributes are not seen, times are cut, devices are left out';
  const folder = homelyWord(dirname(fileURLToPath(import.meta.url)), env);
  return { status: 'warn', text, facts, mend: `npm install --no-save --prefix ${folder} koffi@${KOFFI}` };
}

/** As whom files are written. */
export function identity(): Finding {
  const uid = process.geteuid?.();
  const umask = umaskOf();
  const facts = { uid, umask };
  if (uid === undefined) return { status: 'ok', text: 'no user IDs on this system', facts };
  const owners = uid === 0 ? 'owners of images are kept' : 'files become yours';
  return { status: 'ok', text: `uid ${uid}${umask === undefined ? '' : `, umask ${umask}`}; ${owners}`, facts };
}

/** As the system tells it: asking Node would change it for a moment, for all threads. */
function umaskOf(): string | undefined {
  try {
    return /^Umask:\s+0?(\d{3})$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** Packages of git and ssh, by the program that installs them. */
const INSTALLERS = [
  ['apt-get', 'apt-get install -y', { git: 'git', ssh: 'openssh-client' }],
  ['apk', 'apk add', { git: 'git', ssh: 'openssh-client' }],
  ['dnf', 'dnf install -y', { git: 'git', ssh: 'openssh-clients' }],
  ['zypper', 'zypper install -y', { git: 'git', ssh: 'openssh-clients' }],
  ['pacman', 'pacman -S --noconfirm', { git: 'git', ssh: 'openssh' }],
  ['brew', 'brew install', { git: 'git', ssh: 'openssh' }],
] as const;

/** The programs that git sources run. */
export async function tools({ env }: Surroundings): Promise<Finding> {
  const [git, ssh] = await Promise.all([
    versionOf('git', ['--version'], /(\d+\.\d+[\w.]*)/, env),
    versionOf('ssh', ['-V'], /(OpenSSH_[\w.]+)/, env),
  ]);
  const facts = { git: git ?? null, ssh: ssh ?? null };
  const missing = [...(git === undefined ? ['git' as const] : []), ...(ssh === undefined ? ['ssh' as const] : [])];
  if (missing.length === 0) return { status: 'ok', text: `git ${git}, ${ssh?.replace('_', ' ')}`, facts };
  const installer = INSTALLERS.find(([program]) => findProgram(program, env) !== undefined);
  const mend = installer && `${installer[1]} ${missing.map((name) => installer[2][name]).join(' ')}`;
  const needs = missing.includes('git') ? 'git sources cannot be used' : 'git sources cannot be reached by ssh';
  return { status: 'warn', text: `no ${missing.join(' and no ')}: ${needs}`, facts, mend };
}

/** What a program says of itself; undefined if it is not there. */
async function versionOf(
  name: string,
  args: readonly string[],
  pattern: RegExp,
  env: Surroundings['env'],
): Promise<string | undefined> {
  const path = findProgram(name, env);
  if (path === undefined) return undefined;
  const child = await startProgram(path, args, { env: { PATH: programPath(env), LC_ALL: 'C' } });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => (said += bytes.toString('latin1')));
  child.stdin.end();
  await once(child, 'close');
  return pattern.exec(said.slice(0, 1000))?.[1] ?? 'of unknown version';
}

const PROXIES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];

/** The proxies of the environment: the one for registries is told, the one for http has to be of use, too. */
export function proxy({ env }: Surroundings): Finding {
  const names = PROXIES.filter((name) => env[name]);
  try {
    const found = proxyFor(new URL('https://registry-1.docker.io'), env);
    proxyFor(new URL('http://registry-1.docker.io'), env);
    const without = env.NO_PROXY || env.no_proxy;
    const facts = {
      https: found === undefined ? null : shownProxy(found.url),
      variable: found?.variable,
      noProxy: without,
    };
    const isExcluded = names.some((name) => !/^http_/i.test(name));
    if (found === undefined)
      return { status: 'ok', text: isExcluded ? 'none for docker.io, by NO_PROXY' : 'none', facts };
    const text = `https by ${facts.https} (${found.variable})${without ? `; not for ${without}` : ''}`;
    return { status: 'ok', text, facts };
  } catch (error) {
    return findingOf(error, env, unset(names.filter((name) => !isProxy(env[name]!))));
  }
}

function isProxy(text: string): boolean {
  try {
    proxyFor(new URL('https://registry-1.docker.io'), { HTTPS_PROXY: text });
    return true;
  } catch {
    return false;
  }
}

function shownProxy({ protocol, host, username, password }: URL): string {
  return `${protocol}//${username === '' && password === '' ? '' : '***@'}${host}`;
}
