// Decides whether to build: a build whose key is in the list was done before.
import { appendFile, readFile } from 'node:fs/promises';
import { buildKey } from 'ctxsrc';

const [context, list] = process.argv.slice(2);
const { key, inputs, unkeyed } = await buildKey({ context, modes: 'exec' }, { strict: true });
const known = await readFile(list, 'utf8').catch(() => '');

for (const kind of new Set(unkeyed.map((one) => one.kind))) console.log(`uses ${kind}, which no key holds`);
if (known.split('\n').includes(key)) {
  console.log(`known: nothing of ${inputs.length} inputs has changed`);
} else {
  console.log(`build: ${inputs.map(({ name }) => name).join(', ')}`);
  // The build stands here; its key is remembered when it went well.
  await appendFile(list, `${key}\n`);
}
