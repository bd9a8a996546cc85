// A snapshot with a progress bar of one's own, made of the events.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { snapshot } from 'ctxsrc';

const image = `oci-layout://${fileURLToPath(new URL('../../fixtures/layouts/hello', import.meta.url))}`;
const work = await mkdtemp(join(tmpdir(), 'example-'));

/** Draws a bar of the tasks that have no parent: the others are parts of them. */
function bar() {
  const tasks = new Map();
  const partOf = ({ done = 0, total, part }) => part ?? (total > 0 ? done / total : 0);
  return (event) => {
    if (event.type === 'start' && event.parent === undefined) tasks.set(event.id, { ...event });
    const task = tasks.get(event.id);
    if (task === undefined || !process.stderr.isTTY) return;
    if (event.type === 'advance') Object.assign(task, event);
    const cells = Math.round(20 * (event.type === 'end' ? 1 : partOf(task)));
    process.stderr.write(`\r[${'#'.repeat(cells).padEnd(20)}] ${task.label}${event.type === 'end' ? '\n' : ''}`);
  };
}

const draw = bar();
const phases = new Set();
try {
  const { files, bytes } = await snapshot(image, join(work, 'rootfs'), {
    cacheDir: join(work, 'cache'),
    onProgress: (event) => {
      if (event.type === 'start') phases.add(event.phase);
      draw(event);
    },
  });
  console.log(`${files} files, ${bytes} bytes`);
  console.log(`phases: ${[...phases].sort().join(', ')}`);
} finally {
  await rm(work, { recursive: true, force: true });
}
