/**
 * Which addresses a server may send this program to. An address that the user names is always allowed. An address from
 * a redirect, a token realm or a manifest must not reach what only this machine can reach: loopback, and link-local
 * addresses, where clouds serve the machine's credentials.
 */
import { lookup as resolveName } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { CtxsrcError } from '../core/errors.ts';

/**
 * Which addresses a server may name, by the server's own address. `open`: open addresses only. `loopback`: loopback,
 * too. Otherwise a closed address: that address, too, which nobody else may name.
 */
export type Zone = string;

/** The zone of a server whose address is not known: behind a proxy, or when a file names the URL. */
export const OPEN: Zone = 'open';
const LOOPBACK: Zone = 'loopback';

/** 0.0.0.0 and :: connect to this machine, too. */
const LOOPBACK_RANGES = ['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128'];
/** Link-local addresses, and metadata services of clouds outside of these: Alibaba, Azure, Oracle, AWS by IPv6. */
const LINK_LOCAL_RANGES = [
  '169.254.0.0/16',
  'fe80::/10',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::254/128',
];

/** A connection that was refused because the server that named the address may not name it. */
export class ClosedAddress extends Error {
  readonly address: string;
  readonly kind: 'loopback' | 'link-local';
  constructor(address: string) {
    super(`${address} is a closed address`);
    this.address = plainAddress(address);
    this.kind = zoneOf(address) === LOOPBACK ? 'loopback' : 'link-local';
  }
}

const loopback = rangesOf(LOOPBACK_RANGES);
const linkLocal = rangesOf(LINK_LOCAL_RANGES);

/** The zone of an address; `open` if it is undefined. */
export function zoneOf(address: string | undefined): Zone {
  if (address === undefined) return OPEN;
  const plain = plainAddress(address);
  if (contains(loopback, plain)) return LOOPBACK;
  return contains(linkLocal, plain) ? plain : OPEN;
}

/** The zone of all connections to a server, which may go to different addresses. */
export class CommonZone {
  #zone: Zone | undefined;

  /** @param address the address of a connection; undefined behind a proxy */
  add(address: string | undefined): void {
    const zone = zoneOf(address);
    this.#zone = this.#zone === undefined || this.#zone === zone ? zone : OPEN;
  }

  get zone(): Zone {
    return this.#zone ?? OPEN;
  }
}

/** The addresses of `--allow-address`, each `ADDRESS` or `ADDRESS/BITS`. Throws E_CONFIG. */
export function allowedAddresses(texts: readonly string[]): BlockList {
  return rangesOf(texts);
}

/** Throws `ClosedAddress` unless a server of the given zone may name the address. */
export function checkAddress(address: string, namedBy: Zone, allowed: BlockList): void {
  const zone = zoneOf(address);
  if (zone === OPEN || zone === namedBy || contains(allowed, plainAddress(address))) return;
  throw new ClosedAddress(address);
}

/**
 * `dns.lookup` without the closed addresses. The connection uses this result, so a name whose address changes between
 * two look-ups opens nothing. `ClosedAddress` if no address is left.
 */
export function openLookup(namedBy: Zone, allowed: BlockList): LookupFunction {
  return (host, options, done) => {
    resolveName(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, []);
      let closed: Error | undefined;
      const usable = found.filter(({ address }) => {
        try {
          checkAddress(address, namedBy, allowed);
          return true;
        } catch (refusal) {
          closed = refusal as Error;
          return false;
        }
      });
      const first = usable[0];
      if (first === undefined) return done(closed ?? null, []);
      if (options.all === true) return done(null, usable);
      return done(null, first.address, first.family);
    });
  };
}

function rangesOf(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [address = '', bits] = text.split('/', 2);
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    if (family === 0 || (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most))) {
      throw new CtxsrcError('E_CONFIG', `${JSON.stringify(text)} is no range of addresses`, {
        hint: 'write --allow-address 127.0.0.0/8, or one address',
      });
    }
    list.addSubnet(address, Number(bits ?? most), family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

function contains(list: BlockList, plain: string): boolean {
  const family = isIP(plain);
  return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

/** The IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4); any other address without its scope ID. */
function plainAddress(address: string): string {
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  if (isIP(bare) !== 6) return bare;
  const groups = groupsOf(bare);
  const start = groups.slice(0, 6).join(':');
  const inside = (high: number): string => {
    const bytes = [groups[high]!, groups[high + 1]!].flatMap((group) => {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 255];
    });
    return bytes.join('.');
  };
  if (start === '0:0:0:0:0:ffff' || start === '0:0:0:0:ffff:0' || start === '64:ff9b:0:0:0:0') return inside(6);
  // A network's own NAT64 prefix (RFC 8215).
  if (start.startsWith('64:ff9b:1:')) return inside(6);
  if (groups[0] === '2002') return inside(1);
  // ::1 and :: contain no IPv4 address.
  if (start === '0:0:0:0:0:0' && (groups[6] !== '0' || Number.parseInt(groups[7]!, 16) > 1)) return inside(6);
  return groups.join(':');
}

/** The eight groups of an IPv6 address, each without leading zeros. */
function groupsOf(address: string): string[] {
  // The URL class normalises every spelling, with :: once and without dots.
  const text = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(gap).fill('0'), ...after];
}
