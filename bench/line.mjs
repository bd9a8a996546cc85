// A line of a given speed to a network of its own, in which a server may run: needs root, `ip` and `tc`.
import { execFileSync } from 'node:child_process';

const HERE = '10.77.0.1';
const THERE = '10.77.0.2';

/**
 * Lays the line. `rate` is as `tc` takes it (`1gbit`); it limits what is sent from here. `enter` is the beginning of a
 * command that runs at the other end, `address` the end's address.
 */
export function layLine(rate) {
  const name = `ctxsrc-${process.pid}`;
  const [here, there] = [`ch${process.pid}`, `ct${process.pid}`];
  const run = (...argv) => execFileSync(argv[0], argv.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
  // Its end of the line goes with the network, and with that the other one.
  const remove = () => run('ip', 'netns', 'delete', name);
  run('ip', 'netns', 'add', name);
  try {
    run('ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', there);
    run('ip', 'link', 'set', there, 'netns', name);
    run('ip', 'address', 'add', `${HERE}/24`, 'dev', here);
    run('ip', 'link', 'set', here, 'up');
    run('ip', '-n', name, 'address', 'add', `${THERE}/24`, 'dev', there);
    run('ip', '-n', name, 'link', 'set', there, 'up');
    run('tc', 'qdisc', 'add', 'dev', here, 'root', 'tbf', 'rate', rate, 'burst', '256kb', 'latency', '20ms');
  } catch (error) {
    remove();
    throw error;
  }
  return { address: THERE, enter: ['ip', 'netns', 'exec', name], remove };
}
