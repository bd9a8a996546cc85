/** Warnings of a Dockerfile: BuildKit's own where it has the rule, and ours. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CtxsrcError } from '../../../src/core/errors.ts';
import { buildGraph } from '../../../src/dockerfile/graph/build-graph.ts';
import { type Finding, type LintFacts, lint } from '../../../src/dockerfile/lint/lint.ts';
import { parseDockerfile } from '../../../src/dockerfile/parse/dockerfile.ts';
import { vectors } from '../../conformance/vectors.ts';
import { type BuildCaseInput, buildOptions, caseResolver, dockerfileBytes } from '../../support/build-case.ts';

async function check(
  input: BuildCaseInput,
  more: Partial<Pick<LintFacts, 'ignoreFile' | 'hasGitDirectory'>> = {},
): Promise<readonly Finding[]> {
  const dockerfile = parseDockerfile(dockerfileBytes(input), 'Dockerfile');
  const options = buildOptions(input);
  const { results } = await buildGraph(dockerfile, options, caseResolver(input));
  return lint(dockerfile, {
    options,
    graph: results[0]!,
    configOf: ({ ref, platform }) => input.images?.[ref]?.configs[platform] ?? input.images?.[ref]?.configs['*'],
    ignoreFile: undefined,
    hasGitDirectory: false,
    ...more,
  });
}

const digest = `sha256:${'0'.repeat(64)}`;
const image = (config: object = {}) => ({ digest, configs: { '*': { os: 'linux', architecture: 'amd64', config } } });

/** A build of this file on the base `alpine:3.20@sha256:…`, and a few others. */
const input = (dockerfile: string, more: Partial<BuildCaseInput> = {}): BuildCaseInput => ({
  dockerfile,
  buildPlatform: 'linux/amd64',
  images: {
    [`docker.io/library/alpine:3.20@${digest}`]: image({ Env: ['HOME=/root'] }),
    'docker.io/library/alpine:3.20': image(),
    'docker.io/library/alpine:latest': image(),
    'docker.io/library/shell:1': image({ Shell: ['/bin/bash', '-c'] }),
    'docker.io/library/arm:1': {
      digest,
      configs: { '*': { os: 'linux', architecture: 'arm64', rootfs: { type: 'layers', diff_ids: [digest] } } },
    },
  },
  ...more,
});

const FROM = `FROM alpine:3.20@${digest}`;

type Case = [name: string, file: string, more?: Partial<BuildCaseInput>];

const named = (findings: readonly Finding[], buildkit: boolean) =>
  findings.filter((each) => each.buildkit === buildkit).map(({ rule, lines }) => `${rule} ${lines?.first}`);

describe('BuildKit says the same of its vectors', () => {
  const path = new URL('./buildkit-warnings.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: Readonly<Record<string, readonly string[]>> };
  const inputs = new Map(vectors<BuildCaseInput, unknown>('dockerfile').cases.map((each) => [each.name, each.input]));

  it.each(Object.entries(cases))('%s', async (name, want) => {
    const findings = (await check(inputs.get(name)!)).filter(({ buildkit }) => buildkit);
    // Of an empty line BuildKit names the last line of the instruction.
    const got = findings.map(
      ({ rule, lines }) => `${rule} ${rule === 'NoEmptyContinuation' ? lines?.last : lines?.first}`,
    );
    expect([...new Set(got)].sort()).toEqual(want);
  });
});

describe('a rule of BuildKit', () => {
  it.each<Case>([
    ['StageNameCasing 1', 'FROM scratch AS Base'],
    ['FromAsCasing 1', 'FROM scratch as base'],
    ['NoEmptyContinuation 2', `${FROM}\nRUN a \\\n\nb`],
    ['ConsistentInstructionCasing 2', `${FROM}\nrun a\nRUN b`],
    ['DuplicateStageName 2', 'FROM scratch AS a\nFROM scratch AS a'],
    ['ReservedStageName 1', 'FROM scratch AS context'],
    ['JSONArgsRecommended 2', `${FROM}\nENTRYPOINT a`],
    ['MaintainerDeprecated 2', `${FROM}\nMAINTAINER a`],
    ['UndefinedArgInFrom 1', `FROM \${A:-alpine:3.20@${digest}}`],
    ['InvalidDefaultArgInFrom 2', 'ARG V\nFROM alpine:$V', { buildArgs: { V: '3.20' } }],
    ['WorkdirRelativePath 2', `${FROM}\nWORKDIR a\nWORKDIR b`],
    ['UndefinedVar 2', `${FROM}\nCOPY $A /`],
    ['UndefinedVar 2', `${FROM}\nRUN --mount=source=s,target=/t$A a`],
    ['UndefinedVar 2', `${FROM}\nARG A=$B B=1`],
    ['UndefinedVar 2', `${FROM}\nCOPY <<E /\n$A\nE`],
    ['MultipleInstructionsDisallowed 2', `${FROM}\nCMD ["a"]\nCMD ["b"]`],
    ['LegacyKeyValueFormat 2', `${FROM}\nENV A b`],
    ['InvalidBaseImagePlatform 1', 'FROM arm:1'],
    ['RedundantTargetPlatform 1', `FROM --platform=$TARGETPLATFORM alpine:3.20@${digest}`],
    ['FromPlatformFlagConstDisallowed 1', `FROM --platform=linux/amd64 alpine:3.20@${digest}`],
    ['SecretsUsedInArgOrEnv 2', `${FROM}\nARG NPM_TOKEN`],
    ['ExposeProtoCasing 2', `${FROM}\nEXPOSE 80/TCP`],
    ['ExposeInvalidFormat 2', `${FROM}\nEXPOSE 80:80`],
    ['CopyIgnoredFile 2', `${FROM}\nCOPY a/b /`, { files: { context: { '.dockerignore': 'a\n' } } }],
    ['CopyIgnoredFile 2', `${FROM}\nCOPY . /`, { files: { context: { '.dockerignore': '*\n' } } }],
  ])('%s', async (want, file, more = {}) => {
    expect(named(await check(input(file, more)), true)).toEqual([want]);
  });

  it.each<Case>([
    ['a variable of the base', `${FROM}\nCOPY $HOME /`],
    ['an ARG without a value', `${FROM}\nARG A\nCOPY $A /`],
    ['an ARG of the stage below', 'FROM scratch AS a\nARG A\nFROM a\nCOPY x$A /'],
    ['an ARG in front in the same instruction', `${FROM}\nARG A=1 B=$A`],
    ['a variable that is no secret', `${FROM}\nARG PUBLIC_KEY TOKEN_FILE KEYBOARD`],
    ['a shell of the base', 'FROM shell:1\nCMD a'],
    ['a platform in the name of the stage', `FROM --platform=linux/amd64 alpine:3.20@${digest} AS b-amd64`],
    ['an exception in the ignore file', `${FROM}\nCOPY a /`, { files: { context: { '.dockerignore': 'a\n!a/b\n' } } }],
    ['a stage that nothing needs', `FROM scratch AS x\nCOPY $A /\n${FROM}`],
  ])('takes no offence at %s', async (_, file, more = {}) => {
    expect(named(await check(input(file, more)), true)).toEqual([]);
  });
});

describe('a rule of ours', () => {
  it.each<Case>([
    ['ImageWithoutTag 1', 'FROM alpine'],
    ['ImageWithoutDigest 1', 'FROM alpine:3.20'],
    ['ImageWithoutDigest 2', `${FROM}\nCOPY --from=alpine:3.20 /a /`],
    ['ImageWithoutDigest 2', `${FROM}\nRUN --mount=from=alpine:3.20,target=/a b`],
    ['AddWithoutChecksum 2', `${FROM}\nADD https://example.com/a /`],
    // I9
    ['AddWithoutCommit 2', `${FROM}\nADD https://example.com/a.git#main /`],
    ['ContextWithoutIgnoreFile 2', `${FROM}\nCOPY . /`],
    ['ContextWithoutIgnoreFile 2', `${FROM}\nRUN --mount=target=/a b`],
    ['UndeclaredBuildArg undefined', FROM, { buildArgs: { A: '1', HTTP_PROXY: 'p', BUILDKIT_X: '1' } }],
    ['UnreachedStage 1', `FROM scratch AS a\n${FROM}`],
    ['LabelWithTime 2', `${FROM}\nLABEL org.opencontainers.image.created=now`],
    ['LabelWithTime 3', `${FROM}\nARG BUILD_DATE\nLABEL a=$BUILD_DATE`],
  ])('%s', async (want, file, more = {}) => {
    expect(named(await check(input(file, more)), false)).toEqual([want]);
  });

  it.each([
    ['a signed address', 'ADD https://example.com/a?sig=$T /'],
    ['the user of an address', 'ADD https://bob:$T@example.com/a /'],
  ])('does not show the secret of %s', async (_, add) => {
    const findings = await check(input(`${FROM}\nARG T\n${add}`, { buildArgs: { T: 'hunter2' } }));
    expect(findings).toHaveLength(1);
    expect(findings[0]?.message).toContain('***');
    expect(findings[0]?.message).not.toContain('hunter2');
  });

  it('has nothing against a stage, or scratch, as a base (G1)', async () => {
    const stages = `${FROM} AS b\nFROM b AS c\nFROM scratch\nCOPY --from=c / /`;
    expect(named(await check(input(stages)), false)).toEqual([]);
  });

  it('tells of .git where it is copied, unless it is ignored', async () => {
    const git = async (file: string, ignored = '') => {
      const files = { context: { '.dockerignore': ignored } };
      const findings = await check(input(file, { files }), { ignoreFile: '.dockerignore', hasGitDirectory: true });
      return named(findings, false);
    };
    expect(await git(`${FROM}\nCOPY . /`)).toEqual(['GitDirectoryCopied 2']);
    expect(await git(`${FROM}\nCOPY .git/HEAD /`)).toEqual(['GitDirectoryCopied 2']);
    expect(await git(`${FROM}\nCOPY src /`)).toEqual([]);
    expect(await git(`${FROM}\nCOPY . /`, '.git\n')).toEqual([]);
  });

  it.each<Case>([
    ['a digest, a stage and scratch', `${FROM} AS b\nFROM scratch\nCOPY --from=b /a /`],
    [
      'checksums and commits',
      `${FROM}\nADD --checksum=${digest} https://example.com/a /\nADD https://example.com/a.git#${'0'.repeat(40)} /`,
    ],
    ['a label of no time', `${FROM}\nLABEL updated-by=x candidate=$V`],
    ['a stage that --target leaves out', `${FROM} AS a\nFROM scratch`, { target: 'a' }],
  ])('takes no offence at %s', async (_, file, more = {}) => {
    expect(named(await check(input(file, more)), false)).toEqual([]);
  });
});

describe('# check=', () => {
  const rules = async (file: string, more: Partial<BuildCaseInput> = {}) =>
    (await check(input(file, more))).map(({ rule }) => rule);

  it.each([
    ['at the top', '# check=skip=ImageWithoutTag,MaintainerDeprecated\nFROM alpine\nMAINTAINER a'],
    ['at the top for all', '# check=skip=all\nFROM alpine\nMAINTAINER a'],
    [
      'above the instruction',
      '# check=skip=ImageWithoutTag\n# for now\nFROM alpine\n# check=skip=MaintainerDeprecated\nMAINTAINER a',
    ],
    ['above the instruction, with a note behind', `# a note\n#check=skip=ImageWithoutTag see below\nFROM alpine`],
  ])('silences %s', async (_, file) => {
    expect(await rules(file)).toEqual([]);
  });

  it('silences no more than it names', async () => {
    expect(await rules('# check=skip=MaintainerDeprecated\nFROM alpine\nMAINTAINER a')).toEqual(['ImageWithoutTag']);
    expect(await rules('FROM alpine\n# check=skip=ImageWithoutTag\nMAINTAINER a')).toHaveLength(2);
  });

  it('makes a warning of BuildKit an error, and none of ours', async () => {
    const failing = check(input('# check=error=true\nFROM scratch as a'));
    await expect(failing).rejects.toThrow(/^Dockerfile:2: FromAsCasing: /);
    await expect(failing).rejects.toMatchObject({
      code: 'E_DOCKERFILE',
      hint: expect.stringContaining('FromAsCasing'),
    });
    expect(await rules('# check=error=true\nFROM alpine')).toEqual(['ImageWithoutTag']);
    expect(await rules('# check=skip=FromAsCasing;error=true\nFROM scratch as a')).toEqual([]);
  });

  it('is replaced by the build argument BUILDKIT_DOCKERFILE_CHECK', async () => {
    const buildArgs = { BUILDKIT_DOCKERFILE_CHECK: 'error=false' };
    expect(await rules('# check=error=true\nFROM scratch as a', { buildArgs })).toEqual(['FromAsCasing']);
  });

  it.each(['skip', 'unknown=x', 'error=perhaps'])('%s is a fault', async (value) => {
    await expect(check(input(`# check=${value}\n${FROM}`))).rejects.toThrow(CtxsrcError);
  });
});

it('findings say which matter for a key', async () => {
  const findings = await check(input('FROM alpine as a\nCOPY x$A /'));
  const matter = findings.filter(({ unrepeatable }) => unrepeatable).map(({ rule }) => rule);
  expect(matter.sort()).toEqual(['ImageWithoutTag', 'UndefinedVar']);
});

// Each stage, and each image, was once looked for among all the others.
it('eight times the stages and images take eight times the work, not sixty-four', { timeout: 60_000 }, async () => {
  const workOf = async (length: number): Promise<number> => {
    const numbers = Array.from({ length }, (_, n) => n);
    const stages = numbers.map((n) => `FROM i:${n} AS s${n}\nCOPY --from=s${n - 1} / /`);
    const file = ['FROM scratch AS s-1', ...stages].join('\n');
    const images = Object.fromEntries(numbers.map((n) => [`docker.io/library/i:${n}`, image()]));
    const given = input(file, { images });
    const before = process.cpuUsage();
    const found = await check(given);
    const { user, system } = process.cpuUsage(before);
    expect(found.filter(({ rule }) => rule === 'ImageWithoutDigest')).toHaveLength(length);
    return user + system;
  };
  await workOf(500);
  const few = await workOf(500);
  expect((await workOf(4000)) / few).toBeLessThan(32);
});
