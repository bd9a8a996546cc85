// An empty docker-registry on a free port, for benchmarks.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Starts a registry that stores below `work`; `stop` removes what it stored.
 * @param more lines of its configuration
 * @param line the line to the network in which it runs (`line.mjs`); default: none, it runs on this machine's loopback
 */
export async function startRegistry(work, more = '', line = undefined) {
  const folder = mkdtempSync(join(work, 'registry-'));
  const host = `${line?.address ?? '127.0.0.1'}:${await freePort()}`;
  const config = join(folder, 'registry.yml');
  const storage = `storage: {filesystem: {rootdirectory: ${join(folder, 'content')}}}`;
  writeFileSync(config, `version: 0.1\nlog: {level: error}\n${storage}\nhttp: {addr: "${host}"}\n${more}`);
  const [program, ...args] = [...(line?.enter ?? []), 'docker-registry', 'serve', config];
  const child = spawn(program, args, { stdio: 'ignore' });
  for (let tries = 0; ; tries += 1) {
    try {
      await fetch(`http://${host}/v2/`);
      break;
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(50);
    }
  }
  return {
    host,
    cpu: () => cpuSeconds(child.pid),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Seconds of processor that a running process has used. */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
