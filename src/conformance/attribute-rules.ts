/** Rules 1 to 3 for attributes: the identifier drops none, each affects the key, and a secret appears nowhere. */
import type { AttributeSpec, Attributes, AttributeValue } from '../contract/index.ts';
import { isPrivate } from '../source/public-attributes.ts';
import { type Answer, answerOf, filesOf } from './answer.ts';
import type { Bench } from './bench.ts';
import { type Check, skipCheck } from './check.ts';
import { BrokenRule, expectRule } from './report.ts';
import { findSecrets, secretsOf } from './secrets.ts';
import { treeDifference } from './tree.ts';

export const ATTRIBUTE_CHECKS: readonly Check[] = [
  {
    rule: 1,
    name: 'an identifier keeps its attributes: read back, it gives the same keys',
    run: async (bench) => {
      for (const variant of [NO_VARIANT, ...variantsOf(bench)]) {
        const id = bench.identify(undefined, variant);
        const dropped = Object.keys(variant).find((name) => variant[name] !== false && !(name in id.attributes));
        expectRule(
          dropped === undefined,
          `the identifier drops the attribute ${dropped}: identify() has to return it in id.attributes, by which lock files and sidecars read ${id} again`,
        );
        const first = await answerOf(bench, variant);
        const again = await answerOf(bench, variant, { readBack: true });
        const second = first.text === again.text ? first : await answerOf(bench, variant);
        if (second.text !== first.text) skipCheck('two instances of the same identifier give different keys as it is');
        expectRule(
          first.text === again.text,
          `${id} with its attributes is ${first.text}, read back it is ${again.text}: String(id) and id.attributes together have to say all of it`,
        );
      }
    },
  },
  {
    rule: 2,
    name: 'every attribute is tried, and counts',
    run: async (bench) => {
      const { attributes } = bench.subject.source;
      if (attributes.length === 0) skipCheck('the source declares no attributes');
      const variants = variantsOf(bench);
      for (const spec of attributes) {
        const tried = variants.some((variant) => Object.hasOwn(variant, spec.name));
        expectRule(
          tried,
          `the attribute ${spec.name} is never tried: let prepare() return variants: [${example(spec)}]`,
        );
      }
      for (const variant of variants) {
        const all = await answerOf(bench, variant);
        for (const spec of attributes) {
          if (Object.hasOwn(variant, spec.name)) await expectToCount(bench, spec, variant, all);
        }
      }
    },
  },
  {
    rule: 3,
    name: 'no secret is in a key, a document, a sidecar, the store or a message',
    run: async (bench) => {
      const specs = bench.subject.source.attributes.filter(isPrivate);
      for (const variant of [NO_VARIANT, ...variantsOf(bench)]) {
        for (const spec of specs) {
          if (Object.hasOwn(variant, spec.name)) await expectOutsideKey(bench, spec, variant);
        }
        const secrets = secretsOf(bench.subject.source, variant);
        if (variant !== NO_VARIANT && secrets.length === 0) continue;
        const found = await findSecrets(bench, variant, secrets);
        expectRule(
          found === undefined,
          `${found?.secret} stands in ${found?.place}: a secret goes to whom it is for and nowhere else`,
        );
      }
    },
  },
];

/** The reference as it was prepared. */
const NO_VARIANT: Attributes = {};

const variantsOf = (bench: Bench): readonly Attributes[] => bench.prepared.variants ?? [];

const without = (attributes: Attributes, name: string): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([other]) => other !== name));

/** Exit codes of conditions that are not met: drift and platform. A checksum has an effect only through them. */
const NOT_SO: readonly (number | undefined)[] = [6, 7];

/** Checks that the attribute changes the result. */
async function expectToCount(bench: Bench, spec: AttributeSpec, variant: Attributes, all: Answer): Promise<void> {
  const { name, keyed } = spec;
  if (all.keys === undefined && !NOT_SO.includes(all.exit)) {
    throw new BrokenRule(`with the variant of ${name} there is no key, give it values that work: ${all.text}`);
  }
  if (isPrivate(spec)) return;
  const rest = without(variant, name);
  const less = await answerOf(bench, rest);
  if (all.keys === undefined || less.keys === undefined) {
    expectRule(less.text !== all.text, `the attribute ${name} changes nothing: ${all.text}`);
    return;
  }
  const key = all.keys.at(-1);
  if (key !== less.keys.at(-1)) {
    expectRule(keyed !== false, `the attribute ${name} is declared as keyed: false, and changes the content key`);
    return;
  }
  // A store that has the files of one variant would return them for the other, which has the same key.
  const files = await filesOf(bench, variant, `store-with-${name}`);
  const difference = treeDifference(files, await filesOf(bench, rest, `store-without-${name}`));
  expectRule(
    difference === undefined || keyed === false,
    `the attribute ${name} changes the files (${difference}), and not the content key ${key}: put its value into what is hashed`,
  );
  const strictly = { strict: true };
  const counts =
    difference !== undefined ||
    all.text !== less.text ||
    (await answerOf(bench, variant, strictly)).text !== (await answerOf(bench, rest, strictly)).text;
  expectRule(counts, `the attribute ${name} changes nothing: keys and files are the same without it`);
}

/** Attributes that say how this user reaches the source are not part of the content's key. */
async function expectOutsideKey(bench: Bench, spec: AttributeSpec, variant: Attributes): Promise<void> {
  const all = await answerOf(bench, variant);
  const less = await answerOf(bench, without(variant, spec.name));
  if (all.keys === undefined || less.keys === undefined) return;
  const mark = spec.secret === true ? 'is marked as a secret' : "is declared as locked: 'never'";
  expectRule(
    all.keys.at(-1) === less.keys.at(-1),
    `the attribute ${spec.name} ${mark}, and the content key depends on it: leave it out of what is hashed`,
  );
}

/** What to write into `variants` for an attribute. */
function example(spec: AttributeSpec): string {
  const values: Record<AttributeSpec['kind'], AttributeValue> = {
    flag: true,
    number: Number(spec.example ?? 1),
    text: spec.choices?.[0] ?? spec.example ?? 'a value that counts',
    list: [spec.example ?? 'a value that counts'],
  };
  return `{ ${JSON.stringify(spec.name)}: ${JSON.stringify(values[spec.kind])} }`;
}
