import { describe, expect, it } from 'vitest';
import { graphOfCase } from '../../support/build-case.ts';
import { failure } from '../../support/failure-code.ts';

async function configOf(config: object, ...lines: readonly string[]) {
  const image = { digest: `sha256:${'1'.repeat(64)}`, configs: { '*': config as never } };
  const { results } = await graphOfCase({
    dockerfile: `${['FROM base:1', ...lines].join('\n')}\n`,
    buildPlatform: 'linux/amd64',
    images: { 'docker.io/library/base:1': image },
  });
  return results[0]!.imageConfig;
}

const LAYER = { type: 'layers', diff_ids: [`sha256:${'2'.repeat(64)}`] };

describe('the configuration of a base image', () => {
  it('is read as Go reads it: names in any case, unknown members dropped, its time of making not inherited', async () => {
    const config = await configOf({
      Architecture: 'arm64',
      OS: 'Linux',
      variant: 'v8',
      created: '2026-01-02T03:04:05Z',
      docker_version: '1',
      rootFS: LAYER,
      history: [{ created: '2026-01-02T03:04:05.120Z', created_by: 'x' }],
      config: { env: ['A'], Labels: null, Hostname: 'h', Healthcheck: { Test: ['NONE'] }, Shell: ['/bin/x'] },
    });
    expect(config).toEqual({
      architecture: 'arm64',
      os: 'linux',
      rootfs: LAYER,
      history: [{ created: '2026-01-02T03:04:05.12Z', created_by: 'x' }],
      config: {
        Env: ['A', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        Healthcheck: { Test: ['NONE'] },
        Shell: ['/bin/x'],
      },
    });
  });

  it('with a relative working directory has it twice, as BuildKit does', async () => {
    expect(await configOf({ rootfs: LAYER, config: { WorkingDir: 'a' } })).toMatchObject({
      config: { WorkingDir: '/a/a' },
    });
  });

  it('keeps a variable where its name first stood, and adds one whose name holds an equals sign each time', async () => {
    const Env = ['PATH=/bin', 'A', 'A=2', 'B=1'];
    const config = await configOf({ rootfs: LAYER, config: { Env } }, 'ENV N=A=B', 'ENV $N=1', 'ENV $N=2 B=2 A=3');
    expect(config.config).toEqual({ Env: ['PATH=/bin', 'A=3', 'A=2', 'B=2', 'N=A=B', 'A=B=1', 'A=B=2'] });
  });

  it('loses its command when an entry point is set, unless the Dockerfile sets one', async () => {
    const base = { rootfs: LAYER, config: { Cmd: ['a'] } };
    expect(await configOf(base, 'ENTRYPOINT ["b"]')).not.toHaveProperty('config.Cmd');
    expect(await configOf(base, 'CMD c', 'ENTRYPOINT ["b"]')).toMatchObject({
      config: { Cmd: ['/bin/sh', '-c', 'c'] },
    });
  });

  it('shows in the history what Go prints', async () => {
    const config = await configOf(
      { rootfs: LAYER },
      'CMD ["a\\tb\\u0001é\\u200b", "\\""]',
      'HEALTHCHECK --interval=1m30s --timeout=1500ms --start-period=2h --retries=2 CMD x',
      'SHELL ["a", "b c"]',
    );
    const history = (config.history as { created_by: string }[]).map(({ created_by }) => created_by);
    expect(history).toEqual([
      'CMD ["a\\tb\\x01é\\u200b" "\\""]',
      'HEALTHCHECK {Test:[CMD-SHELL x] Interval:1m30s Timeout:1.5s StartPeriod:2h0m0s StartInterval:0s Retries:2}',
      'SHELL [a b c]',
    ]);
  });

  it('that is none is told with the image and the line', async () => {
    const failed = await failure(configOf({ rootfs: LAYER, config: { Env: 'PATH' } }));
    expect(failed).toMatchObject({ code: 'E_IMAGE_CONFIG_INVALID', details: { line: 1 } });
    expect(failed.message).toContain('docker.io/library/base:1 is not valid: config.Env');
  });
});
