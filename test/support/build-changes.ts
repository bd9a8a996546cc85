/** Builds of a project before and after a change, and what is said of the difference. */
import { type BuildComparison, compareBuilds } from '../../src/build/diff/compare.ts';
import { differenceText } from '../../src/build/diff/difference.ts';
import { type ComparedBuild, readSaved, savedText } from '../../src/build/diff/saved.ts';
import { LayoutBuilder } from './layout-builder.ts';
import { Asker, type ProjectOptions } from './project.ts';
import { TestRegistry } from './registry.ts';
import { tar } from './tar-builder.ts';

type RegistryOptions = Parameters<typeof TestRegistry.start>[0];

export class BuildChanges {
  readonly registry: TestRegistry;
  readonly ask: Asker;

  private constructor(registry: TestRegistry) {
    this.registry = registry;
    this.ask = new Asker(registry.host);
  }

  static async start(options?: RegistryOptions): Promise<BuildChanges> {
    return new BuildChanges(await TestRegistry.start(options));
  }

  stop(): Promise<void> {
    return this.registry.stop();
  }

  /** Pushes an image for two platforms with one file, and gives its reference. */
  push(name: string, text: string, config: Readonly<Record<string, unknown>> = {}): string {
    const layout = new LayoutBuilder();
    const layers = [layout.layer(tar([{ name: 'f', content: text }]))];
    const image = (architecture: string) => layout.image({ layers, platform: { os: 'linux', architecture }, config });
    this.registry.push(layout, name, '1', layout.index([image('amd64'), image('arm64')]));
    return `${this.registry.host}/${name}:1`;
  }

  /** A build as the file of `--save` holds it. */
  async saved(dir: string | undefined, file: string, options?: ProjectOptions): Promise<ComparedBuild> {
    const { document, detail } = await this.ask.answer(dir, file, options);
    return readSaved(savedText(document, await detail()), 'the file');
  }

  /** Changes something between two builds of the same project. */
  async changed(
    dir: string | undefined,
    [before, after]: readonly [string, string],
    change: () => unknown = () => undefined,
    [given, later]: readonly [ProjectOptions, ProjectOptions] = [{}, {}],
  ): Promise<BuildComparison> {
    const a = await this.saved(dir, before, given);
    await change();
    return compareBuilds(a, await this.saved(dir, after, later));
  }

  /** The lines about differences, hosts of the test and digests shortened. */
  lines({ differences }: BuildComparison): string[] {
    return differences.map((one) => this.hidden(`${one.mark} ${differenceText(one)}`));
  }

  hidden(text: string): string {
    return text
      .replaceAll(this.registry.host, 'HOST')
      .replace(/127\.0\.0\.1:\d+/g, 'GIT')
      .replace(/[0-9a-f]{12}…/g, 'D');
  }
}

/** The same Dockerfile before and after. */
export const twice = (file: string): readonly [string, string] => [file, file];
