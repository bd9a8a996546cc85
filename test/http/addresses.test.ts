/** Which addresses a server may send the program to: judged by where the connection goes, not by how it is spelled. */
import type { LookupAddress } from 'node:dns';
import { expect, it } from 'vitest';
import { allowedAddresses, CommonZone, checkAddress, OPEN, openLookup, zoneOf } from '../../src/http/addresses.ts';
import { createHttpClient } from '../../src/http/client.ts';
import { basic, client, serve } from '../registry/auth/challenging-server.ts';
import { networkOptions, testJob } from '../support/registry-job.ts';

const nothing = allowedAddresses([]);

it.each([
  ['127.0.0.1', 'loopback'],
  ['127.9.9.9', 'loopback'],
  ['0.0.0.0', 'loopback'],
  ['::1', 'loopback'],
  ['::', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['0:0:0:0:0:ffff:7f00:0001', 'loopback'],
  ['::127.0.0.1', 'loopback'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['64:ff9b:1::7f00:1', 'loopback'],
  ['2002:7f00:1::', 'loopback'],
  ['169.254.169.254', '169.254.169.254'],
  ['::ffff:169.254.169.254', '169.254.169.254'],
  ['64:ff9b::a9fe:a9fe', '169.254.169.254'],
  ['fe80::1', 'fe80:0:0:0:0:0:0:1'],
  ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
  ['fd00:ec2::254', 'fd00:ec2:0:0:0:0:0:254'],
  ['100.100.100.200', '100.100.100.200'],
  ['168.63.129.16', '168.63.129.16'],
  ['10.0.0.1', OPEN],
  ['192.168.1.1', OPEN],
  ['172.16.0.1', OPEN],
  ['8.8.8.8', OPEN],
  ['2001:db8::7f00:1', OPEN],
  ['fd12::1', OPEN],
])('%s is in zone %s', (address, zone) => {
  expect(zoneOf(address)).toBe(zone);
});

it('lets loopback name loopback, a link-local address itself, and the user open any', () => {
  const check = (address: string, namedBy: string, allow: string[] = []) =>
    checkAddress(address, namedBy, allowedAddresses(allow));
  check('127.0.0.2', zoneOf('::1'));
  check('169.254.1.1', zoneOf('169.254.1.1'));
  check('10.1.1.1', OPEN);
  for (const [address, namedBy] of [
    ['127.0.0.1', OPEN],
    ['127.0.0.1', zoneOf('169.254.1.1')],
    ['169.254.169.254', OPEN],
    ['169.254.169.254', zoneOf('127.0.0.1')],
    ['169.254.169.254', zoneOf('169.254.1.1')],
  ] as const) {
    expect(() => check(address, namedBy), `${address} named by ${namedBy}`).toThrow('closed address');
    check(address, namedBy, ['127.0.0.0/8', '169.254.169.254']);
  }
  expect(() => check('::ffff:127.0.0.1', OPEN, ['10.0.0.0/8'])).toThrow('closed address');
});

it('takes the zone of a server with several addresses only when all have the same', () => {
  const common = new CommonZone();
  expect(common.zone).toBe(OPEN);
  common.add('127.0.0.1');
  common.add('::1');
  expect(common.zone).toBe('loopback');
  common.add('192.0.2.1');
  common.add('127.0.0.1');
  expect(common.zone).toBe(OPEN);
});

it.each(['127.0.0.1/33', '127.0.0', '::1/129', 'localhost', '10.0.0.0/', ''])('refuses the range %j', (text) => {
  expect(() => allowedAddresses([text])).toThrow('is no range of addresses');
});

it('resolves a name to its open addresses only, in the look-up that is connected to', async () => {
  const look = (namedBy: string, allow: string[] = []) =>
    new Promise<LookupAddress[]>((resolve, reject) =>
      openLookup(namedBy, allowedAddresses(allow))('localhost', { all: true }, (error, found) =>
        error === null ? resolve(found as LookupAddress[]) : reject(error),
      ),
    );
  await expect(look(OPEN)).rejects.toThrow('closed address');
  expect((await look('loopback')).length).toBeGreaterThan(0);
  expect((await look(OPEN, ['127.0.0.0/8', '::1'])).length).toBeGreaterThan(0);
  const one = new Promise((resolve) =>
    openLookup('loopback', nothing)('localhost', { family: 4 }, (_, ...found) => resolve(found)),
  );
  expect(await one).toEqual(['127.0.0.1', 4]);
});

it.each([false, true])('connects to no closed address that a server names (streamed: %s)', async (stream) => {
  const secret = await serve(() => [200, { 'content-length': '6' }, 'secret']);
  const port = secret.host.split(':')[1];
  const subject = { host: 'registry.example', kind: 'blob', what: 'blob x' } as const;
  async function ask(href: string, allowAddress?: string[]): Promise<string> {
    const http = createHttpClient({ network: networkOptions({ allowAddress, retry: 0 }), env: {} });
    try {
      const request = { method: 'GET', url: new URL(href), subject, namedBy: OPEN, stream } as const;
      return Buffer.from((await http.fetch(testJob(), request, 100)).bytes).toString();
    } finally {
      await http.close();
    }
  }
  const spellings = ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '0', '[::ffff:127.0.0.1]'];
  for (const host of spellings) {
    await expect(ask(`http://${host}:${port}/`), host).rejects.toMatchObject({
      code: 'E_UNSAFE',
      exit: 8,
      message: expect.stringMatching(/^cannot get blob x from registry\.example: it leads to \S+, a loopback address/),
      hint: expect.stringContaining('--allow-address '),
    });
  }
  expect(secret.log).toEqual([]);
  expect(await ask(`http://127.0.0.1:${port}/`, ['127.0.0.1'])).toBe('secret');
});

it('keeps what was connected to for the user from those whom a server sends there', async () => {
  const secret = await serve(() => [200, { 'content-length': '6' }, 'secret']);
  const http = createHttpClient({ network: networkOptions({ retry: 0 }), env: {} });
  const request = {
    method: 'GET',
    url: new URL(`http://${secret.host}/`),
    subject: { host: secret.host, kind: 'file', what: 'it' },
  } as const;
  for (const stream of [true, false]) {
    expect((await http.fetch(testJob(), { ...request, stream }, 100)).status).toBe(200);
    await expect(http.fetch(testJob(), { ...request, stream, namedBy: OPEN }, 100)).rejects.toMatchObject({
      code: 'E_UNSAFE',
    });
  }
  await http.close();
  expect(secret.log).toHaveLength(2);
});

it('follows neither a redirect nor a token realm to where the cloud keeps credentials', async () => {
  for (const location of ['http://169.254.169.254/latest/', 'http://[fe80::1]/', 'http://100.100.100.200/']) {
    const redirecting = await serve(() => [307, { location }]);
    const realm = await serve(() => [401, { 'www-authenticate': `Bearer realm="${location}"` }]);
    for (const { host } of [redirecting, realm]) {
      const asking = client({ retry: 0 }).blob(
        testJob(() => basic),
        { host, repository: 'a' },
        `sha256:${'b'.repeat(64)}`,
      );
      await expect(asking, location).rejects.toMatchObject({
        code: 'E_UNSAFE',
        message: expect.stringContaining('a link-local address'),
      });
    }
  }
});
