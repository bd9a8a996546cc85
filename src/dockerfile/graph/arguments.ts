/** Arguments that are seen without a stage: of the platforms, of the lines above the first FROM, of proxies. */
import { joinPath } from '../../core/go/path.ts';
import { formatPlatformAll, type Platform } from '../../core/platform.ts';
import { expand } from '../expand/expand.ts';
import type { Dockerfile } from '../parse/instruction.ts';
import { OrderedVariables } from './environment.ts';
import { located } from './failure.ts';

type BuildArgs = ReadonlyMap<string, string>;

/** What every FROM may use without a declaration. A build argument of the name replaces the value. */
export function platformArguments(
  build: Platform,
  target: Platform,
  targetStage: string,
  buildArgs: BuildArgs,
): OrderedVariables {
  const values = {
    BUILDPLATFORM: joinPath(build.os, build.architecture, build.variant ?? ''),
    BUILDOS: build.os,
    BUILDOSVERSION: build['os.version'] ?? '',
    BUILDARCH: build.architecture,
    BUILDVARIANT: build.variant ?? '',
    TARGETPLATFORM: formatPlatformAll(target),
    TARGETOS: target.os,
    TARGETOSVERSION: target['os.version'] ?? '',
    TARGETARCH: target.architecture,
    TARGETVARIANT: target.variant ?? '',
    TARGETSTAGE: targetStage === '' ? 'default' : targetStage,
  };
  const environment = new OrderedVariables();
  for (const [name, value] of Object.entries(values)) environment.set(name, buildArgs.get(name) ?? value);
  return environment;
}

/** Adds the ARGs above the first FROM: the build argument, else the default with the ones before it put in. */
export function addGlobalArguments(
  globals: OrderedVariables,
  dockerfile: Dockerfile,
  buildArgs: BuildArgs,
  fileName: string,
): void {
  for (const { args, lines } of dockerfile.globalArgs) {
    located(fileName, { line: lines.first, lines, instruction: 'ARG' }, () => {
      for (const { name, value } of args) {
        const given = buildArgs.get(name);
        if (given !== undefined) globals.set(name, given);
        else if (value !== undefined) {
          globals.set(
            name,
            expand(value, (other) => globals.get(other), dockerfile.escape),
          );
        }
      }
    });
  }
}

/** The proxies among the build arguments, in any case, as BuildKit names them; undefined if there are none. */
export function proxyArguments(buildArgs: BuildArgs): Readonly<Record<string, string>> | undefined {
  const known = new Set(['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy']);
  const found = [...buildArgs]
    .filter(([name]) => known.has(name.toLowerCase()))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name.toLowerCase(), value] as const);
  return found.length === 0 ? undefined : Object.fromEntries(found);
}
