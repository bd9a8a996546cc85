/**
 * A repository must not open addresses that only this machine can reach, as for redirects of a registry: the host of a
 * submodule is looked up before git connects, and git is restricted to the addresses that were found.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { NetworkOptions } from '../../contract/index.ts';
import { CtxsrcError } from '../../core/errors.ts';
import { Once } from '../../core/once.ts';
import { printable } from '../../core/printable.ts';
import { allowedAddresses, ClosedAddress, CommonZone, checkAddress } from '../../http/addresses.ts';
import { hostName, isLoopback } from '../../http/host.ts';
import { proxyFor } from '../../http/proxy.ts';
import type { GitUrl } from './url.ts';

export interface SubmoduleHostOptions {
  readonly network: NetworkOptions;
  readonly signal: AbortSignal;
  /** No look-up: names are judged by their text only. */
  readonly offline: boolean;
  /** Looks up the addresses of a name; default: the system's resolver. */
  readonly lookUp?: ((name: string) => Promise<readonly string[]>) | undefined;
}

/**
 * @param reference the URL that the user named: other names of the same server are allowed, and everything that its own
 * zone may name
 * @returns values of git's `http.curloptResolve`: the names of the host with the addresses that have to be used
 * @throws CtxsrcError `E_UNSAFE`
 */
export async function checkSubmoduleHost(
  url: GitUrl,
  reference: GitUrl,
  options: SubmoduleHostOptions,
): Promise<readonly string[]> {
  const name = plainName(url.host);
  if (name === plainName(reference.host)) return [];
  const [addresses, own] = await Promise.all([addressesOf(url, options), addressesOf(reference, options)]);
  const common = new CommonZone();
  for (const address of own) common.add(address);
  const allowed = allowedAddresses(options.network.allowAddress ?? []);
  try {
    for (const address of addresses) checkAddress(address, common.zone, allowed);
  } catch (error) {
    if (!(error instanceof ClosedAddress)) throw error;
    const message = `a submodule comes from ${printable(url.host)}, a ${error.kind} address that the repository must not name`;
    throw new CtxsrcError('E_UNSAFE', message, {
      hint: `if that is right, allow it with --allow-address ${error.address}, or add --skip-submodules`,
    });
  }
  if (isIP(name) !== 0 || addresses.length === 0) return [];
  const port = /:(\d+)$/.exec(url.host)?.[1] ?? (url.transport === 'https' ? '443' : '80');
  const targets = addresses.map((address) => (isIP(address) === 6 ? `[${address}]` : address)).join();
  return [name, `${name}.`].map((form) => `${form}:${port}:${targets}`);
}

/** The addresses of a host; none if it has none, or if a proxy does the look-up. */
async function addressesOf(url: GitUrl, options: SubmoduleHostOptions): Promise<readonly string[]> {
  if (url.host === '') return [];
  const name = plainName(url.host);
  if (isIP(name) !== 0) return [name];
  if (isLoopback(name)) return ['127.0.0.1'];
  if (options.offline || isProxied(url)) return [];
  const { lookUp = systemAddresses } = options;
  try {
    return await new Once<readonly string[]>().runFor(options.signal, () => lookUp(name));
  } catch {
    options.signal.throwIfAborted();
    // git reports the problem with the name.
    return [];
  }
}

async function systemAddresses(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

function isProxied({ transport, host }: GitUrl): boolean {
  if (transport !== 'http' && transport !== 'https') return false;
  try {
    return proxyFor(new URL(`${transport}://${host}`), process.env) !== undefined;
  } catch {
    // A proxy that only git can use.
    return true;
  }
}

/** The name as the resolver reads it: `127.1`, `2130706433` and `①27.0.0.1` are the address 127.0.0.1. */
function plainName(host: string): string {
  const name = hostName(host).replace(/\.$/, '');
  try {
    return hostName(new URL(`http://${isIP(name) === 6 ? `[${name}]` : name}`).host);
  } catch {
    return name;
  }
}
