/** Mistakes in reading a Dockerfile: where, what text becomes what, and a vector that notices. */
import { type DockerfileMutation, mistakes } from './mutation.ts';

export const READING_MUTATIONS: readonly DockerfileMutation[] = [
  ...mistakes('parse/directives.ts', [
    [
      'names of directives are case sensitive',
      'directive-syntax-upper-case-key',
      "const name = (form?.[1] ?? '').toLowerCase();",
      "const name = form?.[1] ?? '';",
    ],
    ['a directive may be there twice', 'directive-twice', 'if (this.#seen.has(name)) {', 'if (name === undefined) {'],
    [
      'a front end is told by # alone',
      'directive-syntax-slashes',
      "frontendBy('#', file) ?? frontendBy('//', file)",
      "frontendBy('#', file)",
    ],
    [
      'a byte order mark hides the front end',
      'directive-syntax-bom',
      "goText(bytes).replace(/^\\ufeff/, '');\n  if",
      'goText(bytes);\n  if',
    ],
  ]),
  ...mistakes('parse/statements.ts', [
    [
      'a byte order mark is text',
      'directive-syntax-bom',
      "text.replace(/^\\ufeff/, '').split('\\n')",
      "text.split('\\n')",
    ],
    ['the escape directive is not obeyed', 'directive-escape-backtick', 'this.#escape = directive.value;', ''],
    ['comments end a continuation', 'crlf', 'if (isComment(line)) continue;', 'if (isComment(line)) break;'],
    ['comments are text in a continuation', 'crlf', 'if (isComment(line)) continue;\n', ''],
    ['empty lines end a continuation', 'crlf', 'emptyLine = true;\n        continue;', 'break;'],
    [
      'continued lines lose their leading blanks',
      'directive-escape-backtick',
      'this.#cutContinuation(withoutReturns(line))',
      'this.#cutContinuation(trimGoSpaceStart(withoutReturns(line)))',
    ],
    [
      'joined lines have a blank between them',
      'directive-escape-lower-case-name-in-stage-2',
      "parts.join('')",
      "parts.join(' ')",
    ],
    ['carriage returns stay', 'crlf', "while (end > 0 && line[end - 1] === '\\r') end -= 1;", ''],
    [
      'a comment may not be indented',
      'crlf',
      "return trimGoSpaceStart(line).startsWith('#');",
      "return line.startsWith('#');",
    ],
    [
      'lines are numbered from the last',
      'directive-escape-backtick',
      'lines: { first, last: this.#read }',
      'lines: { first: this.#read, last: this.#read }',
    ],
    [
      'empty continuations are not noticed',
      'directive-syntax-docker',
      'if (emptyLine) this.',
      'if (!emptyLine) return undefined as never; else this.',
    ],
    [
      '<<- ends at its name in the first column only',
      'heredoc-chomp',
      "(word.chomp ? line.replace(/^\\t+/, '') : line)",
      'line',
    ],
    [
      'ONBUILD takes no here-document',
      'onbuild-heredoc',
      'const command = statement.trigger ?? statement;',
      'const command = statement;',
    ],
  ]),
  ...mistakes('parse/heredoc.ts', [
    ['a quoted name is expanded', 'real-static-site', 'expand: quotes(name) === quotes(written)', 'expand: true'],
    ['tabs stay with <<-', 'heredoc-chomp', "text.replace(/(^|\\n)\\t+/g, '$1')", 'text'],
  ]),
  ...mistakes('parse/transfer.ts', [
    ['<<- of COPY keeps tabs', 'heredoc-chomp', 'begun.chomp ? withoutLeadingTabs(text) : text', 'text'],
    [
      '--from takes variables',
      'unreachable-copy-from-variable',
      'if (expand(from, () => undefined, escapeMark) !== from) {',
      "if (expand(from, () => undefined, escapeMark) === '\\n') {",
    ],
  ]),
  ...mistakes('parse/words.ts', [
    [
      'a broken JSON array is an error',
      'json-form-broken-is-shell-form',
      'if (error instanceof JsonProblem) return undefined;\n',
      '',
    ],
    [
      'quotes do not keep blanks together',
      'env-quotes',
      'if (quote === undefined && isGoSpace(character)) {',
      'if (isGoSpace(character)) {',
    ],
  ]),
  ...mistakes('parse/statement.ts', [
    [
      'COPY has no JSON form',
      'json-form-over-lines',
      'words === undefined ? plain(splitAtBlanks(rest)) : { ...plain(words), json: true }',
      'plain(splitAtBlanks(rest))',
    ],
    [
      'RUN has no JSON form',
      'heredoc-in-json-form-is-none',
      "const words = rest === '' ? undefined : jsonWords(rest);",
      'const words = undefined as readonly string[] | undefined;',
    ],
    [
      'ENV NAME VALUE is not known',
      'env-old-form',
      "if (!words[0]!.includes('=')) {\n    const",
      'if (words.length === 0) {\n    const',
    ],
    [
      'names of instructions are case sensitive',
      'random-001',
      'return name.toLowerCase().toUpperCase();',
      'return name;',
    ],
  ]),
  ...mistakes('parse/text.ts', [
    [
      'a no-break space splits words',
      'unicode-nbsp-between-words',
      'const BLANKS = /[\\t\\v\\f\\r ]+/;',
      'const BLANKS = /[\\s]+/;',
    ],
  ]),
  ...mistakes('parse/flags.ts', [
    [
      'a flag may be there twice',
      'copy-flag-twice',
      "if (earlier !== undefined && kind !== 'list') {",
      'if (kind === undefined) {',
    ],
    [
      'unknown flags are passed over',
      'copy-unknown-flag',
      'if (!Object.hasOwn(known, name)) throw unknownFlag(name, Object.keys(known));',
      'if (!Object.hasOwn(known, name)) continue;',
    ],
    [
      'a flag stands anywhere in the line',
      'copy-flag-after-source-is-source',
      "if (!bytes.startsWith('--', at)) break;",
      "if (!bytes.includes('--', at)) break;\n    at = bytes.indexOf('--', at);",
    ],
    [
      '=false is true',
      'copy-wildcard-only-and-exclude-order',
      "if (word === 'false') return false;",
      "if (word === 'false') return true;",
    ],
  ]),
  ...mistakes('parse/instructions.ts', [
    [
      'ports keep their order',
      'expose-order.b',
      "[...atLeastOne(statement, 'EXPOSE 80')].sort(compareUtf8)",
      "[...atLeastOne(statement, 'EXPOSE 80')]",
    ],
    [
      'names of stages keep their case',
      'stage-name-with-upper-case',
      "const name = (written ?? '').toLowerCase();",
      "const name = written ?? '';",
    ],
    [
      'any name is one of a stage',
      'stage-name-number',
      'written !== undefined && !/^[a-z]',
      "written === '' && !/^[a-z]",
    ],
    [
      'FROM takes two words',
      'from-two-words',
      'count !== 1 && !(count === 3 && ',
      'count !== 1 && count !== 2 && !(count === 3 && ',
    ],
    [
      'a trigger loses its here-documents',
      'onbuild-heredoc',
      "text.replace(ONBUILD_PREFIX, '') + documents.join('')",
      "text.replace(ONBUILD_PREFIX, '')",
    ],
    [
      'a stage may be a trigger',
      'onbuild-from',
      "if (name === 'FROM' || name === 'MAINTAINER') {",
      "if (name === 'MAINTAINER') {",
    ],
  ]),
  ...mistakes('parse/dockerfile.ts', [
    [
      'lines are as long as they like',
      'line-of-65536-bytes',
      'const MAX_LINE_BYTES = 65_535;',
      'const MAX_LINE_BYTES = 65_536;',
    ],
  ]),
  ...mistakes('parse/mount.ts', [
    [
      'a cache is read-only',
      'expand-mount-options',
      "readOnly: type !== 'cache' && type !== 'tmpfs'",
      "readOnly: type !== 'tmpfs'",
    ],
    [
      'unknown keys of a mount are passed over',
      'mount-bad-key',
      'if (!Object.hasOwn(MEMBERS, key)) throw unknownKey(key);',
      'if (!Object.hasOwn(MEMBERS, key)) continue;',
    ],
    ['values of mounts are not expanded', 'expand-mount-options', 'expand(text);\n    if', 'text;\n    if'],
  ]),
];
