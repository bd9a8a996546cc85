/** From bytes to instructions: each rule of reading, with the smallest file that shows it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CtxsrcError } from '../../../src/core/errors.ts';
import { parseDockerfile, parseTrigger } from '../../../src/dockerfile/parse/dockerfile.ts';
import type { Instruction } from '../../../src/dockerfile/parse/instruction.ts';
import { bytesOf } from '../../../src/dockerfile/parse/text.ts';

const parse = (text: string) => parseDockerfile(Buffer.from(text), 'Dockerfile');

/** The instructions of a stage that holds these lines. */
const instructions = (text: string): readonly Instruction[] => parse(`FROM x\n${text}`).stages[0]!.instructions;

const only = (text: string) => {
  const found = instructions(text);
  expect(found).toHaveLength(1);
  return found[0]!;
};

const failure = (text: string): CtxsrcError => {
  try {
    parse(text);
  } catch (error) {
    expect(error).toBeInstanceOf(CtxsrcError);
    expect((error as CtxsrcError).code).toBe('E_DOCKERFILE');
    return error as CtxsrcError;
  }
  throw new Error('it was read');
};

describe('lines', () => {
  it.each([
    ['joined, with the blanks of the next line', 'RUN a \\\n   b', 'a    b'],
    ['joined, and blanks behind the escape character vanish', 'RUN a \\ \t\nb', 'a b'],
    ['not joined by a doubled escape character', 'RUN a \\\\\nRUN b', 'a \\\\'],
    ['joined by a line that holds the escape character alone', 'RUN a \\\n\\\nb', 'a b'],
    ['joined over comments, whose own end means nothing (R4)', 'RUN a \\\n # c \\\n#d\nb', 'a b'],
    ['joined over empty lines', 'RUN a \\\n\n  \nb', 'a b'],
    ['at the end of the file', 'RUN a \\', 'a'],
    ['with CR and LF', 'RUN a \\\r\nb\r\n', 'a b'],
    ['with a # in the text', 'RUN a # c', 'a # c'],
    ['with blanks at the start', ' \t RUN a', 'a'],
    ['with a no-break space, which splits nothing', 'RUN \u00a0a', 'a'],
  ])('%s', (_, text, want) => {
    expect(instructions(text)[0]).toMatchObject({ kind: 'RUN', command: { words: [want], shell: true } });
  });

  it('have numbers, of comments and documents too', () => {
    const { stages } = parse('# a\n\nFROM x \\\n# c\n AS y\n\nCOPY <<E /\nRUN b\nE\nRUN a\n');
    expect(stages[0]!.lines).toEqual({ first: 3, last: 5 });
    expect(stages[0]!.instructions.map(({ kind, lines }) => [kind, lines.first, lines.last])).toEqual([
      ['COPY', 7, 9],
      ['RUN', 10, 10],
    ]);
  });

  it('keep the comments above an instruction, until an empty one', () => {
    const comments = (text: string) => only(text).comments;
    expect(comments('# a\n\n# b\nRUN x')).toEqual(['a', 'b']);
    expect(comments('# a\n#\n# b\nRUN x')).toEqual(['b']);
  });

  it('may be as long as BuildKit reads them', () => {
    expect(instructions(`RUN ${'x'.repeat(65_531)}\n`)).toHaveLength(1);
    expect(failure(`FROM x\nRUN ${'x'.repeat(65_532)}\n`)).toMatchObject({
      message: 'Dockerfile:2: the line is longer than 65535 bytes',
      hint: expect.stringContaining('\\'),
    });
  });
});

describe('directives', () => {
  it.each([
    ['# escape=`\n', '`'],
    ['#ESCAPE = ` \n', '`'],
    ['\ufeff# syntax=a\n# escape=`\n', '`'],
    ['\n# escape=`\n', '\\'],
    ['# note\n# escape=`\n', '\\'],
    ['# unknown=x\n# escape=`\n', '\\'],
    ['#!/bin/sh\n# escape=`\n', '\\'],
  ])('%j chooses the escape character %s', (top, want) => {
    expect(parse(`${top}FROM x`).escape).toBe(want);
  });

  it.each([
    ['# syntax=a/b:1 c\n', { image: 'a/b:1', commandLine: 'a/b:1 c', line: 1 }],
    ['#!x\n# check=skip=all\n# SYNTAX = a\r\n', { image: 'a', commandLine: 'a', line: 3 }],
    [' # syntax=a\n', undefined],
  ])('%j names the front end', (top, want) => {
    expect(parse(`${top}FROM x`).syntax).toEqual(want);
  });

  it.each([
    ['# escape=`\n# escape=`\nFROM x', 2, 'twice'],
    ['# escape=x\nFROM x', 1, 'another value'],
  ])('%j is a fault', (text, line, message) => {
    expect(failure(text).message).toMatch(new RegExp(`^Dockerfile:${line}: .*${message}`));
  });
});

describe('here-documents', () => {
  it('begin at any word of the joined line, one after the other (R2)', () => {
    // Nothing of a document, and nothing right behind it, is read as something else.
    const found = instructions(
      'COPY a.txt <<f b.txt \\\n <<g /d/\n#1\nRUN x\nf\n\\\ng\n#c\nRUN x && \\\ny <<E\nFROM z\nE\nRUN w',
    );
    expect(found).toHaveLength(3);
    expect(found[0]).toMatchObject({
      sources: ['a.txt', 'b.txt'],
      documents: [
        { name: 'f', text: '#1\nRUN x\n', expand: true },
        { name: 'g', text: '\\\n' },
      ],
      destination: '/d/',
    });
    expect(found[1]).toMatchObject({ command: { words: ['x && y <<E'], heredocs: [{ text: 'FROM z\n' }] } });
    expect(found[1]!.comments).toEqual(['c']);
  });

  it.each([
    ['<<-E', 'E', '\ta\n\t\tE', 'a\n', true],
    ['<<"E"', 'E', 'a\nE', 'a\n', false],
    ["<<'E F'", 'E F', 'E\nE F', 'E\n', false],
    ['<<\\E', 'E', '$a\r\nE\r', '$a\r\n', true],
    ['3<<E', 'E', 'E', '', true],
    ['<<E', 'E', 'EF\n E\nE', 'EF\n E\n', true],
  ])('%s is called %s', (word, name, body, text, expands) => {
    // Words of COPY are split at blanks alone, so a name with a blank is one of RUN's.
    const [found] = instructions(name.includes(' ') ? `RUN cat ${word}\n${body}` : `COPY ${word} /\n${body}`);
    const documents = found?.kind === 'RUN' ? found.command.heredocs : found?.kind === 'COPY' ? found.documents : [];
    expect(documents).toMatchObject([{ name, text, expand: expands }]);
  });

  it.each([
    'COPY ["<<E", "/"]',
    'RUN ["<<E"]',
    'RUN a "<<E"',
    'RUN a \\<<E',
    "RUN it's <<E",
    'RUN a<<E',
    'RUN a << \\',
  ])('%s begins none', (text) => {
    expect(only(`${text}\n`).lines.last).toBe(text.endsWith('\\') ? 2 : 2);
  });

  it('give ADD its files, too', () => {
    expect(only('ADD <<E /\nRUN a\nE')).toMatchObject({ kind: 'ADD', documents: [{ name: 'E', text: 'RUN a\n' }] });
  });

  it('keep bytes that are not UTF-8', () => {
    const file = Buffer.concat([Buffer.from('FROM x\nCOPY <<"E" /\n'), Buffer.from([0xff, 0x0a]), Buffer.from('E\n')]);
    const [copy] = parseDockerfile(file, 'Dockerfile').stages[0]!.instructions;
    expect(copy?.kind === 'COPY' && [...bytesOf(copy.documents[0]!.text)]).toEqual([0xff, 0x0a]);
  });

  it('without an end are a fault', () => {
    expect(failure('FROM x\nRUN <<E\na\n').message).toMatch(/^Dockerfile:2: RUN: a here-document has no end/);
  });

  it.each(['CMD', 'ENTRYPOINT'])('are none behind %s, which is told (R5)', (name) => {
    const { message } = failure(`FROM x\n${name} <<E\nenv\nE\n`);
    expect(message).toMatch(new RegExp(`^Dockerfile:3: ENV: .*${name} in line 2 takes no here-document$`));
  });
});

describe('words', () => {
  it.each([
    ['COPY a b\t c', { sources: ['a', 'b'], destination: 'c' }],
    ['COPY "a b" c', { sources: ['"a', 'b"'], destination: 'c' }],
    ['COPY ["a b", "c"]', { sources: ['a b'], destination: 'c' }],
    ["COPY ['a', 'c']", { sources: ["['a',"], destination: "'c']" }],
    [
      'COPY --from=0 --chown=a --chmod=644 --link --parents --exclude=a --exclude=b x y',
      {
        from: '0',
        chown: 'a',
        chmod: '644',
        link: true,
        parents: true,
        exclude: ['a', 'b'],
        sources: ['x'],
      },
    ],
    ['COPY -- --chown=a b', { chown: '', sources: ['--chown=a'] }],
    ['COPY a --chmod=1', { chmod: '', destination: '--chmod=1' }],
    ['COPY --chown="a b" --link=FALSE x y', { chown: 'a b', link: false }],
    ['ADD --keep-git-dir=false --unpack --checksum=c a b', { keepGitDir: false, unpack: true, checksum: 'c' }],
    ['ADD a b', { keepGitDir: undefined, unpack: undefined }],
    [
      'ENV a=b c="d e" f=g\\ h',
      {
        pairs: [
          { name: 'a', value: 'b' },
          { name: 'c', value: '"d e"' },
          { name: 'f', value: 'g\\ h' },
        ],
      },
    ],
    [
      "ENV a='b\\' c=d",
      {
        pairs: [
          { name: 'a', value: "'b\\'" },
          { name: 'c', value: 'd' },
        ],
      },
    ],
    ['ENV a b=c  d', { pairs: [{ name: 'a', value: 'b=c  d' }] }],
    ['LABEL "a b"=c', { pairs: [{ name: '"a b"', value: 'c' }] }],
    [
      'ARG a=x \\\n b',
      {
        args: [
          { name: 'a', value: 'x' },
          { name: 'b', value: undefined },
        ],
      },
    ],
    ['RUN ["a", "b"]', { command: { words: ['a', 'b'], shell: false } }],
    ['RUN ["a", "b"] c', { command: { words: ['["a", "b"] c'], shell: true } }],
    [
      'RUN --mount=type=cache --mount=from=b --network=none --security=insecure a',
      {
        mounts: ['type=cache', 'from=b'],
        network: 'none',
        security: 'insecure',
        flagsUsed: ['mount', 'network', 'security'],
      },
    ],
    ['RUN', { command: { words: [], shell: true } }],
    ['CMD []', { command: { words: [], shell: false } }],
    ['SHELL ["a"]', { shell: ['a'] }],
    ['WORKDIR /a b', { path: '/a b' }],
    ['EXPOSE 80 443/tcp 8080', { ports: ['443/tcp', '80', '8080'] }],
    ['VOLUME /a /b', { volumes: ['/a', '/b'] }],
    ['STOPSIGNAL --x 9', { signal: '9' }],
    ['HEALTHCHECK none', { check: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --retries=3 --timeout=0 CMD a b',
      {
        check: { Test: ['CMD-SHELL', 'a b'], Interval: 90_000_000_000, Retries: 3 },
      },
    ],
    ['HEALTHCHECK --start-period=1.5ms CMD ["a"]', { check: { Test: ['CMD', 'a'], StartPeriod: 1_500_000 } }],
    ['onbuild  run a', { kind: 'ONBUILD', trigger: 'run a' }],
    ['ONBUILD COPY <<E /\na\nE\n', { trigger: 'COPY <<E /\na\nE' }],
  ])('%s', (text, want) => {
    expect(only(text)).toMatchObject(want);
  });

  it('may be escaped by a backtick', () => {
    expect(parse('# escape=`\nFROM x\nENV a=b` c d=\\\nRUN x `\ny').stages[0]!.instructions).toMatchObject([
      { pairs: [{ value: 'b` c' }, { value: '\\' }] },
      { command: { words: ['x y'] } },
    ]);
  });
});

describe('stages', () => {
  it('have names in lower case, bases and platforms as written', () => {
    expect(parse('ARG v=1\nFROM --platform=$P a:$v AS B.c-1_\nfrom scratch').stages).toMatchObject([
      { name: 'b.c-1_', base: 'a:$v', platform: '$P' },
      { name: '', base: 'scratch', platform: '' },
    ]);
  });
});

describe('faults', () => {
  it.each([
    ['', 1, 'the file is empty'],
    ['\n # c\n', 2, 'there is no instruction'],
    ['ARG a', 1, 'there is no FROM'],
    ['RUN a\nFROM x', 1, 'RUN: there is no FROM above'],
    ['FROM x\nCOPPY a b', 2, 'COPPY: there is no such instruction'],
    ['FROM a b', 1, 'FROM: this is neither one word nor three'],
    ['FROM a AS 1', 1, 'FROM: invalid name of a stage: 1'],
    ['FROM x\nCOPY a', 2, 'COPY: source or destination is missing'],
    ['FROM x\nCOPY --form=a b c', 2, 'COPY: there is no flag --form'],
    ['FROM x\nCOPY --chown=a --chown=a b c', 2, 'COPY: the flag --chown is there twice'],
    ['FROM x\nCOPY --link=1 b c', 2, 'COPY: the value of --link is neither true nor false: 1'],
    ['FROM x\nCOPY --from b c', 2, 'COPY: the flag --from has no value'],
    ['FROM x\nCOPY --from=$v b c', 2, 'COPY: --from takes no variable: $v'],
    ['FROM x\nCOPY a <<E\nE', 2, 'COPY: the destination is a here-document'],
    ['FROM x\nRUN --mount=from=$v a', 2, 'RUN: from= of a mount takes no variable'],
    ['FROM x\nRUN --network=lan a', 2, 'RUN: --network cannot be lan'],
    ['FROM x\nCMD ["a", 1]', 2, 'CMD: the JSON array holds something that is no string'],
    ['FROM x\nSHELL a', 2, 'SHELL: this is no JSON array'],
    ['FROM x\nENV a', 2, 'ENV: there is a name and no value'],
    ['FROM x\nENV a=b c', 2, 'ENV: a word has no ='],
    ['FROM x\nARG', 2, 'ARG: there is no argument'],
    ['FROM x\nVOLUME [""]', 2, 'VOLUME: a path is empty'],
    ['FROM x\nONBUILD FROM y', 2, 'ONBUILD: FROM is no trigger'],
    ['FROM x\nONBUILD ONBUILD RUN y', 2, 'ONBUILD: ONBUILD is no trigger'],
    ['FROM x\nHEALTHCHECK --interval=1 CMD y', 2, 'HEALTHCHECK: invalid duration 1'],
    ['FROM x\nHEALTHCHECK --retries=-1 CMD y', 2, 'HEALTHCHECK: --retries is no number of retries: -1'],
    ['FROM x\nWORKDIR --x y', 2, 'WORKDIR: there is no flag --x'],
  ])('%j', (text, line, message) => {
    const error = failure(text);
    expect(error.message).toBe(`Dockerfile:${line}: ${message}`);
    expect(error.details).toEqual({ line });
    expect(error.hint).toBeTruthy();
  });

  it('show names from outside so that they harm no terminal', () => {
    const { message } = failure(`FROM x\nBAD\u001b[31${'x'.repeat(9000)} a`);
    expect(message).toContain('BAD\\x1b[31');
    expect(message.length).toBeLessThan(600);
  });
});

it('a file of more than 120,000 instructions is refused where it becomes too long, and one of as many is read', () => {
  const file = (count: number) => `FROM x\n${'RUN y\n'.repeat(count - 1)}`;
  expect(parse(file(120_000)).stages[0]!.instructions).toHaveLength(119_999);
  expect(failure(file(120_002))).toMatchObject({
    message: 'Dockerfile:120001: there are more than 120000 instructions',
    hint: expect.stringContaining('the messages of BuildKit hold no more'),
  });
});

describe('a trigger', () => {
  const origin = { fileName: 'Dockerfile', lines: { first: 7, last: 8 }, instruction: 'ONBUILD RUN of base' };

  it('is read like a line, at the place of FROM', () => {
    expect(parseTrigger('COPY --from=a <<E b /\nx\nE', origin)).toMatchObject({
      kind: 'COPY',
      from: 'a',
      sources: ['b'],
      documents: [{ text: 'x\n' }],
      lines: origin.lines,
    });
  });

  it.each(['RUN a\nRUN b', 'FROM x', 'COPPY a b', '', 'COPY a'])('%j is a fault there', (text) => {
    expect(() => parseTrigger(text, origin)).toThrow(/^Dockerfile:7: ONBUILD RUN of base: /);
  });
});

describe('hostile files', () => {
  it('end in instructions or in E_DOCKERFILE', () => {
    const pieces = [
      'FROM x\n',
      'RUN ',
      'COPY ',
      '<<E',
      '\n',
      '\\\n',
      '--',
      '"',
      "'",
      '$',
      '{',
      '#',
      '=',
      ' ',
      '\t',
      'E\n',
      '[',
      ']',
      '\0',
      '\ufeff',
      '\u0085',
      '😀',
    ];
    const text = fc.array(fc.constantFrom(...pieces), {
      maxLength: 20,
    });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      text.map((parts) => Buffer.from(`FROM x\n${parts.join('')}`)),
    );
    fc.assert(
      fc.property(bytes, (file) => {
        try {
          expect(parseDockerfile(file, 'Dockerfile').stages.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_DOCKERFILE' });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('cost time by their length alone', () => {
    const begin = performance.now();
    const long = (piece: string) => piece.repeat(Math.floor(20_000 / piece.length));
    for (const line of [' ', '\\ ', '\\', '<<', '<< x<', '"', '--a ', '=', '[', '\t#', 'ONBUILD ']) {
      for (const name of ['RUN', 'COPY', 'ENV', 'ONBUILD']) {
        const text = `FROM x\n${name} a${long(line)}b\\\n${long(line)}\n`;
        try {
          parse(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_DOCKERFILE' });
        }
      }
    }
    expect(performance.now() - begin).toBeLessThan(5000);
    expect(instructions('RUN a\n'.repeat(20_000))).toHaveLength(20_000);
  });

  it('cost no more for thousands of here-documents', () => {
    const names = Array.from({ length: 5000 }, (_, index) => `e${index}`);
    const words = names.map((name) => ` <<${name} \\\n`).join('');
    const copy = only(`COPY${words} /d/\n${names.join('\n')}\n`);
    expect(copy.kind === 'COPY' && copy.documents).toHaveLength(5000);
  });

  it('may not be larger than what BuildKit takes', () => {
    expect(() => parseDockerfile(Buffer.alloc((16 << 20) + 1, '\n'), 'Dockerfile')).toThrow('larger than 16 MiB');
  });
});
