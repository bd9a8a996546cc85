/** What a page saves as JSON: no more than what it shows, for it is passed on. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { diffPage, inspectPage } from '../../src/index.ts';
import { ctxsrc } from '../support/cli.ts';
import { LayoutBuilder } from '../support/layout-builder.ts';
import { tar } from '../support/tar-builder.ts';
import { tempDir } from '../support/temp.ts';

const PLATFORM = { DOCKER_DEFAULT_PLATFORM: 'linux/amd64' };

// biome-ignore lint/suspicious/noExplicitAny: a document of many forms
function saved(html: string): any {
  const [, data] = /id="report">([^<]+)</.exec(html)!;
  return JSON.parse(inflateRawSync(Buffer.from(data!, 'base64')).toString());
}

function secretImage(author = 'SEKRET'): string {
  const layout = new LayoutBuilder();
  // The last ones are of builders that make a layer of whatever sets something.
  const steps = [
    'COPY a /a # buildkit',
    'RUN |1 PASS=SEKRET /bin/bash -o pipefail -c fetch https://u:SEKRET@h/x # buildkit',
    'RUN |2 PASS=SEKRET USER=x y powershell -Command make # buildkit',
    '|1 PASS=SEKRET /bin/ash -c make',
    'ENV TOKEN=SEKRET OTHER=SEKRET',
    '/bin/sh -c #(nop)  ARG PASS=SEKRET',
    'label token="SEKRET"',
    'ONBUILD env TOKEN SEKRET',
  ];
  const layers = steps.map((_, at) => layout.layer(tar([{ name: `file${at}`, content: 'x' }])));
  const configBytes = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    author,
    config: {
      Env: ['TOKEN=SEKRET'],
      Cmd: ['fetch', 'https://u:SEKRET@h/x'],
      Labels: { at: 'https://u:SEKRET@h/x', token: 'SEKRET' },
      OnBuild: ['ENV TOKEN=SEKRET'],
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: [
      { created_by: 'ENV TOKEN=SEKRET', empty_layer: true },
      ...steps.map((created_by) => ({ created_by, comment: 'SEKRET' })),
      { created_by: 'ARG PASS=SEKRET', empty_layer: true },
    ],
  });
  const annotations = { at: 'https://u:SEKRET@h/x' };
  layout.tag(layout.image({ layers, configBytes, annotations }), 'latest');
  return `oci-layout://${layout.write(tempDir('image'))}`;
}

describe('the report that a page saves', () => {
  it('has of an image no values of variables, arguments and labels, and no passwords', async () => {
    const attributes = { platform: 'linux/amd64' };
    const html = await inspectPage(secretImage(), { cacheDir: tempDir('cache'), attributes });
    const report = saved(html);
    expect(html).not.toContain('SEKRET');
    expect(JSON.stringify(report)).not.toContain('SEKRET');
    const made = report.layers.map((layer: { made: { instruction: string; text: string } }) => [
      layer.made.instruction,
      layer.made.text,
    ]);
    expect(made).toEqual([
      ['COPY', 'a /a'],
      ['RUN', '/bin/bash -o pipefail -c fetch https://***@h/x'],
      ['RUN', '(with build arguments)'],
      ['', '/bin/ash -c make'],
      ['ENV', 'TOKEN'],
      ['ARG', 'PASS'],
      ['', 'label token'],
      ['ONBUILD', 'env TOKEN'],
    ]);
    expect(html).toContain('fetch &#39;https://***@h/x&#39;, as root');
    expect(report.annotations).toEqual({ at: 'https://***@h/x' });
  });

  it('has of a directory no names of what is ignored', async () => {
    const dir = tempDir('dir');
    for (const [name, text] of Object.entries({ 'hidden.key': 'x', shown: 'x', '.dockerignore': '*.key\n' }))
      writeFileSync(join(dir, name), text);
    const report = saved(await inspectPage(dir, { cacheDir: tempDir('cache') }));
    expect(JSON.stringify(report)).not.toContain('hidden.key');
    expect(report.ignored.by).toMatchObject([{ pattern: '*.key', count: 1 }]);
  });

  it('has of a diff the number of differences that were left out', async () => {
    const attributes = { platform: 'linux/amd64' };
    const options = { cacheDir: tempDir('cache'), attributes, otherAttributes: attributes, ignore: ['config'] };
    const html = await diffPage(secretImage('one'), secretImage('two'), options);
    expect(html).toContain('1 difference<');
    expect(saved(html).leftOut).toBe(1);
  });
});

describe('SOURCE_DATE_EPOCH', () => {
  it.each(['inspect', 'diff', 'inputs'])('is read before a page of %s begins its work', async (command) => {
    const html = join(tempDir('page'), 'page.html');
    const env = { ...PLATFORM, SOURCE_DATE_EPOCH: 'yesterday' };
    const { code, stderr } = await ctxsrc([command, '--html', html, '/not/there'], { env });
    expect(code).toBe(2);
    expect(stderr).toContain('SOURCE_DATE_EPOCH is "yesterday"');
    expect(existsSync(html)).toBe(false);
  });
});
