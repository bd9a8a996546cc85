/** Mirrors, authorities and hosts without TLS: by flags, then the environment, then the configuration file. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readConfig } from '../../src/cli/config.ts';
import { networkOptions } from '../../src/cli/flags.ts';
import { withEnvironment } from '../../src/cli/network-environment.ts';
import { tempDir } from '../support/temp.ts';

const FILE = {
  mirrors: { 'docker.io': ['config.example/hub', 'second.example'], 'ghcr.io': 'config.example' },
  plainHttp: ['config.example'],
  insecure: ['old.example'],
  caFile: 'company.pem',
};
const ENV = {
  CTXSRC_MIRRORS: ' docker.io=env.example:5000/hub , quay.io=env.example,',
  CTXSRC_PLAIN_HTTP: 'env.example,[::2]:5000',
  CTXSRC_CA_FILE: '/env.pem',
};

it('come from all three, in this order', async () => {
  const dir = tempDir('config');
  const path = join(dir, 'config.json');
  writeFileSync(path, JSON.stringify(FILE));
  const env = { CTXSRC_CONFIG: path, ...ENV };
  const { network: config } = await readConfig(env);
  const flags = { mirror: ['docker.io=flag.example'], plainHttp: ['flag.example'], caFile: '/flag.pem' };
  expect(networkOptions(flags, withEnvironment(env, config))).toMatchObject({
    mirrors: [
      { host: 'docker.io', mirror: 'flag.example' },
      { host: 'docker.io', mirror: 'env.example:5000/hub' },
      { host: 'quay.io', mirror: 'env.example' },
      { host: 'docker.io', mirror: 'config.example/hub' },
      { host: 'docker.io', mirror: 'second.example' },
      { host: 'ghcr.io', mirror: 'config.example' },
    ],
    plainHttp: ['flag.example', 'env.example', '[::2]:5000', 'config.example'],
    insecure: ['old.example'],
    caFile: '/flag.pem',
  });
  expect(networkOptions({}, withEnvironment(env, config)).caFile).toBe('/env.pem');
  // The file's own folder is where a path in it begins.
  expect(networkOptions({}, withEnvironment({}, config)).caFile).toBe(join(dir, 'company.pem'));
});

it.each(['https://r.example', 'bob:PW-typed@r.example', 'r.example/team', ''])(
  '%j is no host without TLS',
  async (text) => {
    const wrong = expect.objectContaining({ code: 'E_USAGE', message: expect.not.stringContaining('PW-typed') });
    expect(() => networkOptions({ plainHttp: [text] })).toThrow(wrong);
    expect(() => networkOptions({ insecure: [text] })).toThrow(wrong);
    if (text !== '') expect(() => withEnvironment({ CTXSRC_PLAIN_HTTP: text }, {})).toThrow(wrong);
    const path = join(tempDir('config'), 'config.json');
    writeFileSync(path, JSON.stringify({ insecure: [text] }));
    await expect(readConfig({ CTXSRC_CONFIG: path })).rejects.toThrow(wrong);
  },
);

it('that are no mirrors are named with their variable, without a password', () => {
  expect(() => withEnvironment({ CTXSRC_MIRRORS: 'bob:PW-typed@mirror.example' }, {})).toThrow(
    /CTXSRC_MIRRORS "\*\*\*@mirror.example" is not valid: it takes HOST=MIRROR\[\/PATH\]/,
  );
});
