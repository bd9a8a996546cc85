/**
 * ctxsrc as a library: keys, digests and snapshots of build-context sources. Nothing is printed, nothing of the process
 * is changed; every function that waits takes an `AbortSignal` and tells its progress as typed events.
 */
export type { BuildInput, InputPlace, UnkeyedInput } from './build/answer.ts';
export type { ChangedReport, ChangedTarget } from './build/bake/changed.ts';
export type { BuildDifference, DifferenceKind } from './build/diff/difference.ts';
export type { BuildDiffReport, NamedBuild } from './build/diff/report.ts';
export type { Rebuilt } from './build/diff/steps.ts';
export type { ChangedInputs } from './build/earlier.ts';
export type { KnownReport } from './build/known.ts';
export type { BakeReport, InputsReport, TargetReport } from './build/report.ts';
export type * from './contract/index.ts';
export { type Digest, isDigest, parseDigest } from './core/digest.ts';
export { CtxsrcError, ERROR_EXITS, type ErrorCode, ioError, isCtxsrcError } from './core/errors.ts';
export { Once } from './core/once.ts';
export type { Phase, Progress, ProgressEvent } from './core/progress.ts';
export { VERSION } from './core/version.ts';
export type { ListedEntry } from './image/entries/listing.ts';
export { explain, explainExit, listSources } from './library/about.ts';
// With the star a program can add to the flags by `declare module`.
export type * from './library/attributes.ts';
export { type AuthOptions, auth } from './library/auth.ts';
export { type BakeOptions, bakeInputs, changedSince } from './library/bake.ts';
export {
  type Build,
  type BuildKey,
  buildKey,
  type CombinedOptions,
  combinedKey,
  inputs,
  type Named,
} from './library/build.ts';
export {
  type BuildNames,
  type ComparedSide,
  changedInputs,
  diffBuilds,
  inputNames,
  isBuilt,
  type KeyList,
  known,
  type SavedBuild,
  saveBuild,
  type TargetOfFile,
} from './library/builds.ts';
export { type DiffOptions, diff } from './library/diff.ts';
export {
  cat,
  type ExportOptions,
  type ExportResult,
  exportTo,
  type FilesOptions,
  type LsOptions,
  ls,
  pull,
  type SnapshotOptions,
  snapshot,
  verify,
  type WriteChoices,
} from './library/files.ts';
export { type InspectOptions, inspect } from './library/inspect.ts';
export { cacheKey, digest, type KeyOptions, parse, resolve } from './library/keys.ts';
export {
  checkLock,
  createLock,
  type FormatLockOptions,
  formatLock,
  type LockCheck,
  type LockContext,
  type LockFromOptions,
  type LockFromReport,
  type LockOptions,
  type LockReport,
  lockFrom,
  type UpdateLockOptions,
  updateLock,
  type VendorLockOptions,
  vendorLock,
} from './library/lock.ts';
export type { CallOptions, Environment, EnvironmentOptions, Options, PlaceOptions } from './library/options.ts';
export {
  type BakePageOptions,
  bakePage,
  diffPage,
  type InputsPageOptions,
  inputsPage,
  inspectPage,
} from './library/pages.ts';
export { openEnvironment } from './library/place.ts';
export { type PushOptions, push } from './library/push.ts';
export {
  type DoctorOptions,
  doctor,
  listStore,
  type PruneStoreOptions,
  pruneStore,
  type StoreOptions,
  storeUsage,
  verifyStore,
} from './library/store.ts';
export type { PassedOver } from './registry/auth/credentials.ts';
export type { CredentialTest } from './registry/credential-test.ts';
export type { SourceComparison, SourceDifference } from './snapshot/diff/diff.ts';
export type { FactDifference, Facts } from './snapshot/diff/facts.ts';
export type { LayerComparison, LayerRow } from './snapshot/diff/layers.ts';
export type { FilePatch, PatchedFile } from './snapshot/diff/patch.ts';
export type { PathAspect, PathDifference, PathType } from './snapshot/diff/path-difference.ts';
export type { ChangeLetter, DiffReport, FileCounts, Growth, PathChange } from './snapshot/diff/report-types.ts';
export type { SettingChange } from './snapshot/diff/settings.ts';
export type { TreeComparison } from './snapshot/diff/trees.ts';
export type * from './snapshot/inspect/report.ts';
export type { Drift } from './snapshot/lock/entry.ts';
export type { Omitted, Rendered } from './snapshot/lock/formats.ts';
export type { LockEntry } from './snapshot/lock/lock.ts';
export type { LockFormat } from './snapshot/lock/render.ts';
export type { PushResult } from './snapshot/push/push.ts';
export type { Resolution, SnapshotResult } from './snapshot/results.ts';
export type { VerifyReport } from './snapshot/verify/report.ts';
export type { CombinedContextReport, CombinedReport } from './source/combined-report.ts';
export type { DigestReport, KeyReport, Keys, ReferenceReport } from './source/document.ts';
export type { SchemeReport } from './source/list.ts';
export type { FolderSum } from './source/local/folder-sums.ts';
export type { AccessTest, AuthReport } from './upkeep/auth.ts';
export type { DoctorCheck } from './upkeep/check.ts';
export type { DoctorReport } from './upkeep/doctor.ts';
export type { CodeExplanation, ExitExplanation } from './upkeep/explain.ts';
export type { Explanation } from './upkeep/explanations.ts';
