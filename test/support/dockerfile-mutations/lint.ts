/** Mistakes in warning of a Dockerfile: where, what text becomes what, and a vector that notices. */
import { type DockerfileMutation, mistakes } from './mutation.ts';

export const LINT_MUTATIONS: readonly DockerfileMutation[] = [
  ...mistakes('lint/stage-rules.ts', [
    [
      'an empty continuation is no finding',
      'crlf',
      "report.buildkit('NoEmptyContinuation'",
      "if (lines.first < 0) report.buildkit('NoEmptyContinuation'",
    ],
    [
      'upper case in names of stages is no finding',
      'stage-name-with-upper-case',
      'if (name !== name.toLowerCase()) {',
      'if (name === undefined) {',
    ],
    [
      'the case of instructions is no finding',
      'case-of-instruction.b',
      'if (name === want) continue;',
      'if (name) continue;',
    ],
    ['the case of AS is no finding', 'directive-check-error', '  if (other) report', '  if (!from) report'],
  ]),
  ...mistakes('lint/from-rules.ts', [
    [
      'an undefined argument in FROM is no finding',
      'arg-global-undeclared-given',
      'if (declared.has(name)) continue;',
      'if (name) continue;',
    ],
    [
      'a fixed platform is no finding',
      'platform-from-stage-ignored',
      'if (set.size > 0) return;\n  const platform',
      'if (set.size >= 0) return;\n  const platform',
    ],
    [
      'a base for another platform is no finding',
      'base-image-other-platform',
      'if (config.os === asked.os && config.architecture === asked.architecture) continue;',
      'if (config.os) continue;',
    ],
  ]),
  ...mistakes('lint/instruction-rules.ts', [
    ['an undefined variable is no finding', 'env-old-form', 'if (state.known) {', 'if (!state) {'],
    [
      'a shell form is no finding',
      'json-form-trailing-text',
      'instruction.command.shell && !state.hasShell',
      '!instruction.command && !state.hasShell',
    ],
    ['a relative path is no finding', 'directive-escape-backtick', '!state.hasWorkdir && ', '!state && '],
    [
      'NAME VALUE is no finding',
      'env-old-form',
      "?.includes('=') !== false) return;",
      "?.includes('=') !== undefined) return;",
    ],
  ]),
  ...mistakes('lint/report.ts', [
    ['nothing silences a finding', 'directive-check-added.b', 'if (!skipAll && !skip.has(finding.rule)) this', 'this'],
  ]),
  ...mistakes('lint/check-options.ts', [
    ['skip=all skips nothing', 'directive-check-added.b', '{ ...options, skipAll: true }', 'options'],
  ]),
  ...mistakes('lint/lint.ts', [
    [
      'error=true is no error',
      'directive-check-error',
      'if (options.error) refuse',
      'if (options.error && facts === undefined) refuse',
    ],
  ]),
  ...mistakes('lint/own-rules.ts', [
    [
      'an image without a digest is no finding',
      'directive-syntax-docker',
      "if (ref.includes('@')) continue;",
      'if (ref) continue;',
    ],
    [
      'a stage that nothing needs is no finding',
      'missing-image-not-needed',
      'if (reachable.has(index)) continue;',
      'if (stage) continue;',
    ],
    [
      'an argument that nobody declares is no finding',
      'arg-global-undeclared-given',
      'if (useless.length > 0) this',
      'if (useless.length > 99) this',
    ],
    [
      'a download without a checksum is no finding',
      'expand-add-checksum-and-url',
      "isRemote(identifier) && attrs['http.checksum'] === undefined",
      "!identifier && attrs['http.checksum'] === undefined",
    ],
    ['a branch is no finding', 'expand-add-checksum-and-url', '/^git:/.test(identifier) &&', '!identifier &&'],
    [
      'a copied .git is no finding',
      'mount-bind-context',
      'if (takesGit && hasGitDirectory && !this.#ignoresGit) {',
      'if (takesGit && !hasGitDirectory) {',
    ],
    [
      'a whole context is no finding',
      'mount-bind-context',
      "if (path === '/' && ignoreFile === undefined) {",
      "if (path === '' && ignoreFile === undefined) {",
    ],
  ]),
];
