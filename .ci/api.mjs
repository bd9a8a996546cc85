// Writes docs/api.md from the doc comments of what the package exports, and refuses an export that is not documented:
// without a meaning, a parameter that is not explained, errors that are not told. With --check nothing is written, and a
// page that is not current is refused, too.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { API, SymbolFlags } from 'typescript/unstable/sync';

/** The modules that a program can import, with the files they are made of. */
export const ENTRIES = { ctxsrc: 'src/index.ts', 'ctxsrc/conformance': 'src/conformance/kit.ts' };

const HEAD = `# Reference of the library

Made by \`node .ci/api.mjs\` from the doc comments of the sources; [library.md](library.md) is the page to read first. Of what extends another type only its own members are listed.
`;

/**
 * What the modules export, as a page, and what of it is not documented.
 * @param root the folder of tsconfig.types.json
 * @param entries files below it, by the name of the module
 */
export function describeApi(root, entries) {
  const api = new API({ cwd: root });
  try {
    const config = join(root, 'tsconfig.types.json');
    const { program, checker } = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    const missing = [];
    const sections = Object.entries(entries).map(([module, file]) => {
      const symbols = checker
        .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(join(root, file))))
        .map((symbol) => ({
          name: symbol.name,
          symbol: symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
        }));
      const described = symbols.map((one) => describe(one, checker, missing));
      return `\n## ${module}\n${GROUPS.map(([kind, title]) =>
        group(
          title,
          described.filter((one) => one.kind === kind),
        ),
      ).join('')}`;
    });
    return { page: HEAD + sections.join(''), missing };
  } finally {
    api.close();
  }
}

const GROUPS = [
  ['function', 'Functions'],
  ['class', 'Classes'],
  ['value', 'Values'],
  ['interface', 'Interfaces'],
  ['type', 'Other types'],
];

function group(title, described) {
  if (described.length === 0) return '';
  const inOrder = described.sort((a, b) => (a.name < b.name ? -1 : 1));
  return `\n### ${title}\n${inOrder.map(({ text }) => text).join('')}`;
}

function describe({ name, symbol }, checker, missing) {
  const { flags } = symbol;
  const kind =
    flags & SymbolFlags.Function
      ? 'function'
      : flags & SymbolFlags.Class
        ? 'class'
        : flags & SymbolFlags.Interface
          ? 'interface'
          : flags & SymbolFlags.TypeAlias
            ? 'type'
            : 'value';
  const node = symbol.declarations[0].resolve();
  const doc = meaning(symbol, name, checker, missing);
  const parts = [`\n#### ${name}\n`, codeBlock(signature(kind, node)), doc];
  if (kind === 'function') parts.push(...callParts(name, symbol, node, checker, missing));
  if (kind === 'interface' || kind === 'class') parts.push(memberTable(name, symbol, checker, missing));
  return { kind, name, text: `${parts.filter((part) => part !== '').join('\n')}\n` };
}

function meaning(symbol, what, checker, missing) {
  const text = symbol.getDocumentationComment(checker).trim();
  if (text === '') missing.push(`${what} has no doc comment`);
  return text;
}

/** Parameters and errors of a function. `options` are described by their type. */
function callParts(name, symbol, node, checker, missing) {
  const tags = symbol.getJsDocTags(checker);
  const explained = tags.filter((tag) => tag.name === 'param').map(({ text }) => /^(\S+)\s+([\s\S]*)$/.exec(text));
  for (const parameter of node.parameters) {
    const word = parameter.name.getText();
    if (word !== 'options' && !explained.some((match) => match?.[1] === word)) {
      missing.push(`${name} does not explain its parameter ${word}`);
    }
  }
  const errors = tags
    .filter((tag) => tag.name === 'throws')
    .map(({ text }) => oneLine(text).replace(/^CtxsrcError,? /, ''));
  if (errors.length === 0 && /^Promise</.test(node.type?.getText() ?? ''))
    missing.push(`${name} does not tell its errors`);
  const lines = explained.filter(Boolean).map(([, word, text]) => `- \`${word}\`: ${oneLine(text)}`);
  return [
    lines.length === 0 ? '' : `\n${lines.join('\n')}`,
    errors.length === 0 ? '' : `\nErrors: ${errors.join('; ')}.`,
  ];
}

function memberTable(name, symbol, checker, missing) {
  const rows = [];
  for (const member of symbol.getMembers().values()) {
    const node = member.declarations[0]?.resolve();
    const isOwn = member.flags & (SymbolFlags.Property | SymbolFlags.Method | SymbolFlags.Accessor);
    // A private name or a symbol cannot be asked for by a name of the page.
    if (!isOwn || node === undefined || member.name.startsWith('_') || member.name.startsWith('#')) continue;
    const doc = meaning(member, `${name}.${member.name}`, checker, missing);
    rows.push(
      `| \`${member.name}${node.postfixToken ? '?' : ''}\` | ${cell(typeOf(member, node))} | ${oneLine(doc).replaceAll('|', '\\|')} |`,
    );
  }
  return rows.length === 0 ? '' : `\n| member | type | meaning |\n|---|---|---|\n${rows.join('\n')}`;
}

function typeOf(member, node) {
  if (!(member.flags & SymbolFlags.Method)) return node.type?.getText() ?? '';
  const parameters = node.parameters.map((parameter) => parameter.getText()).join(', ');
  return `(${parameters}) => ${node.type?.getText() ?? 'void'}`;
}

/** What is declared, without bodies and comments. */
function signature(kind, node) {
  const text = node.getText();
  if (kind === 'function') return text.slice(0, node.body.getStart() - node.getStart()).trim();
  if (kind === 'class' || kind === 'interface') return text.slice(0, text.indexOf('{')).trim();
  if (kind === 'type') return withoutComments(text);
  return `const ${node.name?.getText() ?? ''}`;
}

const withoutComments = (text) => text.replace(/^\s*\/\*\*[\s\S]*?\*\/\n/gm, '');
const codeBlock = (text) => `\`\`\`ts\n${text.replace(/^export (?:async )?/, '')}\n\`\`\`\n`;
const oneLine = (text) => text.replace(/\s+/g, ' ').trim();
const cell = (text) => (text === '' ? '' : `\`${oneLine(withoutComments(text)).replaceAll('|', '\\|')}\``);

const [, program, mode] = process.argv;
if (program === fileURLToPath(import.meta.url)) {
  const root = join(dirname(program), '..');
  const file = join(root, 'docs', 'api.md');
  const { page, missing } = describeApi(root, ENTRIES);
  const stale = mode === '--check' && page !== readFileSync(file, 'utf8');
  if (mode !== '--check') writeFileSync(file, page);
  for (const line of missing) console.error(line);
  if (stale) console.error('docs/api.md is not current: node .ci/api.mjs');
  process.exitCode = missing.length > 0 || stale ? 1 : 0;
}
