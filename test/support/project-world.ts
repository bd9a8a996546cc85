/** What stands around whole projects: a registry whose tags move, a web server and repositories that change. */
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Descriptor } from '../../src/oci/types.ts';
import { type GitServer, serveGit } from './git-http.ts';
import { commit, initBare } from './git-repository.ts';
import { digestOf, type LayoutBuilder } from './layout-builder.ts';
import { put } from './project.ts';
import { buildImage, type ProjectImage } from './project-image.ts';
import { removeTree, tempDir } from './temp.ts';
import type { Project, ProjectState } from './whole-project.ts';

export interface ImageServer {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  push(layout: LayoutBuilder, repository: string, tag: string, root: Descriptor): void | Promise<void>;
}

/** A project as it lies on the disk and on servers. */
export interface PlacedProject {
  readonly dir: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Addresses of this world as `{registry}`, `{web}` and `{git}`. */
  shown(text: string): string;
}

/** When every download was modified last. */
const MODIFIED = 'Mon, 01 Jan 2024 00:00:00 GMT';

export class ProjectWorld {
  readonly #images: ImageServer;
  readonly #server: GitServer;
  readonly #root: string;
  readonly #web: Map<string, string>;
  /** Digest of each tag, and the commits of each repository. */
  readonly #pushed = new Map<string, string>();

  private constructor(images: ImageServer, server: GitServer, root: string, web: Map<string, string>) {
    this.#images = images;
    this.#server = server;
    this.#root = root;
    this.#web = web;
  }

  static async start(images: ImageServer): Promise<ProjectWorld> {
    const root = tempDir('world');
    const web = new Map<string, string>();
    const server = await serveGit(root, {
      intercept(request, response) {
        const text = web.get(request.url ?? '');
        if (text === undefined) return false;
        const headers = { 'last-modified': MODIFIED, etag: `"${digestOf(text)}"`, 'content-length': text.length };
        response.writeHead(200, headers).end(request.method === 'HEAD' ? '' : text);
        return true;
      },
    });
    return new ProjectWorld(images, server, root, web);
  }

  /** Brings all servers into a state of a project, and writes its files into a new directory. */
  async place({ name }: Project, state: ProjectState): Promise<PlacedProject> {
    const places = {
      '{registry}': `${this.#images.host}/${name}`,
      '{web}': `${this.#server.origin}/web/${name}`,
      '{git}': `${this.#server.origin}/git/${name}`,
    };
    const filled = (text: string): string =>
      Object.entries(places).reduce((result, [place, address]) => result.replaceAll(place, address), text);
    await this.#pushAll(name, state);
    for (const [path, text] of Object.entries(state.web)) this.#web.set(`/web/${name}/${path}`, text);
    for (const [repository, commits] of Object.entries(state.git)) this.#commitAll(`${name}/${repository}`, commits);
    const dir = mkdtempSync(join(this.#root, 'project-'));
    chmodSync(dir, 0o755);
    for (const [path, file] of Object.entries(state.files)) {
      if (file === null) continue;
      const { text = '', mode, link } = typeof file === 'string' ? { text: file } : file;
      if (link === undefined) put(dir, path, filled(text), mode);
      else {
        mkdirSync(dirname(join(dir, path)), { recursive: true });
        symlinkSync(link, join(dir, path));
      }
    }
    writeLayouts(name, state.layouts, dir);
    return {
      dir,
      args: filled(state.args).replaceAll('{dir}', dir).trim().split(/\s+/),
      env: Object.fromEntries(
        Object.entries(state.env).map(([variable, value]) => [variable, filled(value).replaceAll('{dir}', dir)]),
      ),
      shown: (text) =>
        Object.entries(places).reduce(
          (result, [place, address]) =>
            result.replaceAll(address, place).replaceAll(encodeURIComponent(address).replaceAll('%2F', '/'), place),
          text,
        ),
    };
  }

  stop(): Promise<void> {
    return this.#server.close();
  }

  #commitAll(repository: string, commits: ProjectState['git'][string]): void {
    const text = JSON.stringify(commits);
    if (this.#pushed.get(repository) === text) return;
    const dir = join(this.#root, 'git', repository);
    removeTree(dir);
    mkdirSync(dir, { recursive: true });
    initBare(dir);
    for (const files of commits) commit(dir, 'refs/heads/main', files);
    this.#pushed.set(repository, text);
  }

  async #pushAll(project: string, { images }: ProjectState): Promise<void> {
    for (const [name, image] of Object.entries(images)) {
      const [repository = '', tag = 'latest'] = name.split(':');
      const { layout, root } = buildImage(`${project}/${name}`, image);
      if (this.#pushed.get(`${project}/${name}`) === root.digest) continue;
      await this.#images.push(layout, `${project}/${repository}`, tag, root);
      this.#pushed.set(`${project}/${name}`, root.digest);
    }
  }
}

/** Of the same last part of the name, an image has the same bytes in every layout and in the registry. */
function writeLayouts(project: string, layouts: Readonly<Record<string, ProjectImage>>, dir: string): void {
  const written = new Map<string, LayoutBuilder>();
  for (const [name, image] of Object.entries(layouts)) {
    const [path = '', tag = 'latest'] = name.split(':');
    const { layout, root } = buildImage(`${project}/${basename(path)}:${tag}`, image);
    const whole = written.get(path);
    if (whole === undefined) written.set(path, layout.tag(root, tag));
    else {
      for (const [digest, bytes] of layout.blobs) whole.blobs.set(digest, bytes);
      whole.tag(root, tag);
    }
  }
  for (const [path, layout] of written) layout.write(join(dir, path));
}
