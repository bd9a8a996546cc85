/**
 * The configuration of an image while a stage changes it: what BuildKit reads of a base image's, in its order and with
 * its empty values left out when it is written.
 */
import { CtxsrcError } from '../../core/errors.ts';
import * as go from '../../core/go/json-decode.ts';
import { IMAGE_INVALID } from '../../core/integrity-hints.ts';
import { normalizePlatform, type Platform } from '../../core/platform.ts';
import { HISTORY, RUN_CONFIG } from '../../oci/decode.ts';
import type { HealthcheckInstruction } from '../parse/instruction.ts';
import { ImageVariables } from './environment.ts';
import { ImageHistory } from './image-history.ts';
import { present } from './operation.ts';
import type { ImageConfig } from './types.ts';

/** What containers of the image are started with. */
interface RunConfig {
  User: string;
  exposedPorts: Set<string>;
  readonly variables: ImageVariables;
  Entrypoint: readonly string[];
  Cmd: readonly string[];
  volumes: Set<string>;
  WorkingDir: string;
  labels: Map<string, string>;
  StopSignal: string;
  ArgsEscaped: boolean;
  Healthcheck: HealthcheckInstruction['check'] | undefined;
  OnBuild: string[];
  Shell: readonly string[];
}

export interface Image {
  author: string;
  architecture: string;
  os: string;
  variant: string;
  osVersion: string;
  osFeatures: readonly string[];
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] | undefined };
  readonly history: ImageHistory;
  readonly config: RunConfig;
}

const SHAPE = go.struct({
  author: go.text,
  architecture: go.text,
  os: go.text,
  'os.version': go.text,
  'os.features': go.list(go.text),
  variant: go.text,
  rootfs: go.struct({ type: go.text, diff_ids: go.pointer(go.list(go.text)) }),
  history: HISTORY,
  config: go.struct({
    ...RUN_CONFIG,
    Healthcheck: go.pointer(
      go.struct({
        Test: go.list(go.text),
        Interval: go.int64,
        Timeout: go.int64,
        StartPeriod: go.int64,
        StartInterval: go.int64,
        Retries: go.int64,
      }),
    ),
    OnBuild: go.list(go.text),
    Shell: go.list(go.text),
  }),
});

/**
 * What BuildKit reads of a base image's configuration; the time of its making is not inherited.
 * @throws E_IMAGE_CONFIG_INVALID
 */
export function readImage(config: ImageConfig, reference: string): Image {
  const decoded = go.decodeGoJson(Buffer.from(JSON.stringify(config)), SHAPE, (problem) => {
    return new CtxsrcError('E_IMAGE_CONFIG_INVALID', `the configuration of ${reference} is not valid: ${problem}`, {
      hint: IMAGE_INVALID,
    });
  });
  const { Env, ExposedPorts, Volumes, Labels, ...rest } = decoded.config;
  return {
    author: decoded.author,
    architecture: decoded.architecture,
    os: decoded.os,
    variant: decoded.variant,
    osVersion: decoded['os.version'],
    osFeatures: decoded['os.features'],
    rootfs: decoded.rootfs,
    history: new ImageHistory(
      decoded.history.map((entry) => ({ ...entry, created: entry.created && goTime(entry.created) })),
    ),
    config: {
      ...rest,
      variables: new ImageVariables(Env),
      OnBuild: [...rest.OnBuild],
      exposedPorts: new Set(ExposedPorts.keys()),
      volumes: new Set(Volumes.keys()),
      labels: new Map(Labels),
    },
  };
}

/** The image of `FROM scratch`. */
export function emptyImage(platform: Platform): Image {
  const image = { ...blankImage(), rootfs: { type: 'layers', diff_ids: undefined } };
  setPlatform(image, platform);
  image.config.WorkingDir = '/';
  if (platform.os !== 'windows') image.config.variables.set('PATH', defaultPath(platform.os));
  return image;
}

/** An image of which nothing is known: that of a stage which a directory, a repository or a file replaces. */
export function blankImage(): Image {
  return readImage({}, '');
}

/** A copy for a stage built upon another: everything but the triggers, which were for the stages built upon that one. */
export function inheritedImage(base: Image): Image {
  const { config } = base;
  return {
    ...base,
    history: new ImageHistory([], base.history),
    config: {
      ...config,
      variables: new ImageVariables(config.variables.list),
      exposedPorts: new Set(config.exposedPorts),
      volumes: new Set(config.volumes),
      labels: new Map(config.labels),
      OnBuild: [],
    },
  };
}

/** How many variables, ports, volumes and labels the image has. */
export function settingsOf({ config }: Image): number {
  return config.variables.list.length + config.exposedPorts.size + config.volumes.size + config.labels.size;
}

/** True if the image has no layer at all: BuildKit takes it for an empty directory. */
export function hasNoLayers(image: Image): boolean {
  return (image.rootfs.diff_ids ?? []).length === 0 && image.history.list().every((entry) => entry.empty_layer);
}

/** Where programs are looked for when nothing else is said. */
export function defaultPath(os: string): string {
  return os === 'windows'
    ? 'c:\\Windows\\System32;c:\\Windows;C:\\Windows\\System32\\WindowsPowerShell\\v1.0'
    : '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
}

/** The platform that an image says it is for; undefined if it does not say. */
export function platformOf(image: Image): Platform | undefined {
  if (image.os === '' || image.architecture === '') return undefined;
  return {
    os: image.os,
    architecture: image.architecture,
    ...(image.variant === '' ? {} : { variant: image.variant }),
    ...(image.osVersion === '' ? {} : { 'os.version': image.osVersion }),
    ...(image.osFeatures.length === 0 ? {} : { 'os.features': image.osFeatures }),
  };
}

/** Writes the platform that was asked for into the image; what it does not say stays where the rest was so already. */
export function setPlatform(image: Image, asked: Platform): void {
  const same = image.os === asked.os && image.architecture === asked.architecture;
  image.os = asked.os;
  image.architecture = asked.architecture;
  if (asked.variant || !same) image.variant = asked.variant ?? '';
  if (asked['os.version'] || !same) image.osVersion = asked['os.version'] ?? '';
  if (asked['os.features']) image.osFeatures = asked['os.features'];
}

/** The document, members in the order in which Go writes them. */
export function writeImage(image: Image): ImageConfig {
  const platform = normalizePlatform(
    { os: image.os, architecture: image.architecture, variant: image.variant },
    { os: 'linux', architecture: '' },
  );
  const { exposedPorts, volumes, labels, ...config } = image.config;
  return {
    ...present({ author: image.author }),
    architecture: platform.architecture,
    os: platform.os,
    ...present({
      'os.version': image.osVersion,
      'os.features': [...new Set(image.osFeatures)].sort(),
      variant: platform.variant,
    }),
    rootfs: { type: image.rootfs.type, diff_ids: image.rootfs.diff_ids ?? null },
    ...present({ history: image.history.list().map(present) }),
    config: present({
      User: config.User,
      ExposedPorts: nonEmpty(Object.fromEntries([...exposedPorts].sort().map((port) => [port, {}]))),
      Env: config.variables.list,
      Entrypoint: config.Entrypoint,
      Cmd: config.Cmd,
      Volumes: nonEmpty(Object.fromEntries([...volumes].sort().map((volume) => [volume, {}]))),
      WorkingDir: config.WorkingDir,
      Labels: nonEmpty(Object.fromEntries([...labels].sort(([a], [b]) => (a < b ? -1 : 1)))),
      StopSignal: config.StopSignal,
      ArgsEscaped: config.ArgsEscaped,
      Healthcheck: config.Healthcheck && present({ ...config.Healthcheck }),
      OnBuild: config.OnBuild,
      Shell: config.Shell,
    }),
  };
}

function nonEmpty(members: Readonly<Record<string, unknown>>): unknown {
  return Object.keys(members).length === 0 ? undefined : members;
}

/** A time as Go writes it: no zeros at the end of the fraction. */
function goTime(text: string): string {
  return text.replace(/[.,]([0-9]*?)0*(?=[Z+-])/, (_all, digits: string) => (digits === '' ? '' : `.${digits}`));
}
