/** Images of whole projects: a shell that real builds can run, a file that is theirs alone, and what they add. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MEDIA_TYPE } from '../../src/oci/media-types.ts';
import type { Descriptor } from '../../src/oci/types.ts';
import { digestOf, type LayerCompression, LayoutBuilder } from './layout-builder.ts';
import { tar } from './tar-builder.ts';

export interface ProjectImage {
  /** Texts by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Of its configuration: Env, OnBuild, User, … */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of the first the files are; the others differ by a name, and by `others`. One alone has no index. */
  readonly platforms?: readonly string[];
  readonly others?: string;
  readonly created?: string;
  readonly compression?: LayerCompression;
  /** A note in its index. */
  readonly note?: string;
  /** It is a front end: that of CTXSRC_FRONTEND, which real builds need; keys are content with any file. */
  readonly frontend?: boolean;
}

/** `sh` of its source beside it, for linux/amd64. */
const SHELL = readFileSync(join(import.meta.dirname, 'shell', 'sh'));

/** What BuildKit's own image of its front end says of it. */
const FRONTEND_CONFIG = {
  Entrypoint: ['/bin/dockerfile-frontend'],
  Labels: {
    'moby.buildkit.frontend.network.none': 'true',
    'moby.buildkit.frontend.caps': 'moby.buildkit.frontend.inputs,moby.buildkit.frontend.contexts',
  },
};

function frontendProgram(): string | Buffer {
  const { CTXSRC_FRONTEND: path } = process.env;
  return path === undefined ? 'a front end' : readFileSync(path);
}

/** @param name makes the image another than every other */
export function buildImage(name: string, image: ProjectImage): { layout: LayoutBuilder; root: Descriptor } {
  const {
    files = {},
    config = {},
    platforms = ['linux/amd64', 'linux/arm64'],
    others = '',
    note,
    frontend = false,
  } = image;
  const layout = new LayoutBuilder();
  const manifests = platforms.map((text, index) => {
    const [os = '', architecture = '', variant] = text.split('/');
    const entries = [
      { name: 'bin/sh', mode: 0o755, content: SHELL },
      { name: 'etc/image', content: `${name} ${text} ${index === 0 ? '' : others}` },
      ...(frontend ? [{ name: 'bin/dockerfile-frontend', mode: 0o755, content: frontendProgram() }] : []),
      ...Object.entries(files).map(([path, content]) => ({ name: path, content })),
    ];
    const layer = layout.layer(tar(entries), image.compression);
    const platform = { architecture, os, ...(variant === undefined ? {} : { variant }) };
    const configBytes = JSON.stringify({
      created: image.created ?? '2024-01-01T00:00:00Z',
      ...platform,
      config: { Env: ['PATH=/usr/bin:/bin'], ...(frontend ? FRONTEND_CONFIG : {}), ...config },
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created: '2024-01-01T00:00:00Z', created_by: `made for ${digestOf(name)}` }],
    });
    return layout.image({ layers: [layer], platform, configBytes });
  });
  if (manifests.length === 1) return { layout, root: manifests[0]! };
  const mediaType = MEDIA_TYPE.ociIndex;
  const annotations = note === undefined ? {} : { annotations: { note } };
  return { layout, root: layout.json({ schemaVersion: 2, mediaType, manifests, ...annotations }, mediaType) };
}
