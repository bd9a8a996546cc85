/** What EXPOSE takes: `[ip:][host:]port[-end][/protocol]`. */
import { isIP } from 'node:net';
import { DockerfileProblem } from '../problem.ts';

/** Each port as the image's configuration names it: `80/tcp`. */
export function parsePorts(text: string): string[] {
  const parts = text.split(':');
  const [container = '', host = '', ...ip] = parts.reverse();
  const address = ip.reverse().join(':');
  const slash = container.indexOf('/');
  const range = slash < 0 ? container : container.slice(0, slash);
  const protocol = slash < 0 ? '' : container.slice(slash + 1);
  if (!/^(?:tcp|udp|sctp|)$/i.test(protocol)) throw invalid(text, `${protocol} is no protocol`);
  if (address !== '' && isIP(address.replace(/^\[(.*)\]$/, '$1')) === 0)
    throw invalid(text, `${address} is no address`);
  const [start, end] = parseRange(text, range);
  if (host !== '') {
    const [hostStart, hostEnd] = parseRange(text, host);
    if (end - start !== hostEnd - hostStart && end !== start) throw invalid(text, 'the two ranges differ in length');
  }
  return Array.from({ length: end - start + 1 }, (_, i) => `${start + i}/${protocol.toLowerCase() || 'tcp'}`);
}

function parseRange(text: string, range: string): [start: number, end: number] {
  const dash = range.indexOf('-');
  const start = parsePort(text, dash < 0 ? range : range.slice(0, dash));
  const end = dash < 0 ? start : parsePort(text, range.slice(dash + 1));
  if (end < start) throw invalid(text, 'its end is below its start');
  return [start, end];
}

function parsePort(text: string, port: string): number {
  const number = /^\+?[0-9]+$/.test(port) || /^-0+$/.test(port) ? Math.abs(Number(port)) : Number.NaN;
  if (!(number <= 65_535)) throw invalid(text, `${port === '' ? 'nothing' : port} is no port from 0 to 65535`);
  return number;
}

function invalid(text: string, why: string): DockerfileProblem {
  return new DockerfileProblem(
    `${JSON.stringify(text)}: ${why}`,
    'write a port, a range, and a protocol: 8080-8090/udp',
  );
}
