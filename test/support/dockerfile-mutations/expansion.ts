/** Mistakes in expanding variables: where, what text becomes what, and a vector that notices. */
import { type DockerfileMutation, mistakes } from './mutation.ts';

export const EXPANSION_MUTATIONS: readonly DockerfileMutation[] = [
  ...mistakes('expand/lexer.ts', [
    ['${a-b} takes an empty value for unset', 'expand-dash', 'emptyIsUnset && value', 'value'],
    ['${a:-b} gives an empty value', 'arg-global-empty-override', "(emptyIsUnset && value === '')", 'false'],
    [
      '${a?b} is no error',
      'expand-question-unset-no-colon',
      'if (!unset) return value;',
      "if (!unset || unset) return value ?? '';",
    ],
    [
      '${a##b} takes the shortest',
      'expand-prefix-suffix',
      'const longest = word.startsWith(modifier);',
      'const longest = false;',
    ],
    [
      '${a%b} cuts the front',
      'expand-prefix-suffix',
      ": withoutSuffix(value ?? '', pattern, longest)",
      ": withoutPrefix(value ?? '', pattern, longest)",
    ],
    [
      '${a//b/c} replaces once',
      'expand-replace',
      "const all = this.#text[this.#at] === '/';\n    if (all) this.#at += 1;",
      "const slashes = this.#text[this.#at] === '/';\n    if (slashes) this.#at += 1;\n    const all = false;",
    ],
    [
      'single quotes expand',
      'json-form-broken-is-shell-form',
      `if (character === "'") return this.#singleQuoted();`,
      "if (character === '\\n') return this.#singleQuoted();",
    ],
    [
      'an escape character is text',
      'directive-escape-backtick',
      'if (character !== this.#options.escape) {\n        this.#addToWords',
      "if (character !== '\\n') {\n        this.#addToWords",
    ],
    [
      'between double quotes nothing is escaped',
      'env-value-single-quotes-with-dollar.b',
      `if (next === '"' || next === '$' || next === this.#options.escape) {`,
      `if (next === '"') {`,
    ],
    ['unknown forms are text', 'expand-bad-modifier', "throw unknownModifier(written, modifier === '');", "return '';"],
    [
      '${} is empty',
      'expand-empty-braces',
      'throw new DockerfileProblem(`\\${${first} names no variable`, `write \\${NAME}, or \\\\$ for a dollar sign`);',
      "return '';",
    ],
  ]),
  ...mistakes('expand/expand.ts', [
    [
      'words from variables are not split',
      'expose-list-in-variable',
      'keepUnset: false,\n  }).words();',
      'keepUnset: false,\n  }).text().split("\\n");',
    ],
    [
      'unset variables stay',
      'arg-global-undeclared-given',
      'keepEscapes: false, keepUnset: false }).text();',
      'keepEscapes: false, keepUnset: true }).text();',
    ],
  ]),
  ...mistakes('expand/substitute.ts', [
    [
      'a suffix is not read backwards',
      'expand-prefix-suffix',
      'withoutPrefix(backwards(value), backwardsPattern(pattern), longest)',
      'withoutPrefix(backwards(value), pattern, longest)',
    ],
    [
      'replaced is the shortest match',
      'expand-replace',
      'const LONGEST = { longest: true, anchored: false };',
      'const LONGEST = { longest: false, anchored: false };',
    ],
  ]),
  ...mistakes('expand/pattern.ts', [
    ['* is text', 'expand-prefix-suffix', "if (character === '*') {", "if (character === '\\n') {"],
  ]),
];
