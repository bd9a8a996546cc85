/**
 * What `ctxsrc explain` says of each error code: what it means, what to check, and a command that shows or mends it. One
 * table, as long as there are codes.
 */
import type { ErrorCode } from '../core/errors.ts';

/** What `ctxsrc explain` says of an error code. */
export interface Explanation {
  /** The meaning of the code, in one or two sentences. */
  readonly cause: string;
  /** What to check, in order. */
  readonly check: readonly string[];
  /** A command that shows or mends it. */
  readonly example: string;
}

export const EXPLANATIONS: Readonly<Record<ErrorCode, Explanation>> = {
  E_INTERNAL: {
    cause: 'Something happened that ctxsrc does not know: a defect of ctxsrc, not of what you typed.',
    check: [
      'Run the same command with -vv and report its output.',
      'Say which version (ctxsrc --version) and which Node (node --version).',
    ],
    example: 'ctxsrc key -vv .',
  },
  E_USAGE: {
    cause: 'A flag or an argument is missing, unknown or contradicts another one.',
    check: ['Compare the command with its help.', 'Flags that take a value need one: --platform linux/arm64.'],
    example: 'ctxsrc key --help',
  },
  E_REFERENCE: {
    cause: 'The reference does not follow the grammar of its scheme, or has no scheme and is no directory.',
    check: [
      'Images need a scheme: docker-image://alpine:3.20.',
      'Paths start with ./ or /.',
      'ctxsrc sources shows the grammar of each scheme.',
    ],
    example: 'ctxsrc parse docker-image://alpine:3.20',
  },
  E_SCHEME_UNKNOWN: {
    cause: 'No source reads references of this scheme. Schemes are case-sensitive.',
    check: ['Look for a typing error.', 'A source from outside is added with --source ./my-source.js.'],
    example: 'ctxsrc sources',
  },
  E_ATTRIBUTE: {
    cause: 'A flag has a value that its source does not take, or means nothing for the references given.',
    check: ['ctxsrc sources lists the flags of each scheme.', 'The help of the command shows a value that works.'],
    example: 'ctxsrc key --platform linux/arm64 docker-image://alpine:3.20',
  },
  E_DIGEST_INVALID: {
    cause: 'A digest is malformed: a digest is an algorithm, a colon, and lower-case hexadecimal of the right length.',
    check: ['sha256 has 64 hexadecimal characters, sha384 96, sha512 128.', 'Nothing may be cut off or in upper case.'],
    example: 'ctxsrc digest docker-image://alpine:3.20',
  },
  E_PLATFORM_INVALID: {
    cause: 'A platform is written os/arch or os/arch/variant.',
    check: ['linux/amd64, linux/arm64, linux/arm/v7 are valid.'],
    example: 'ctxsrc key --platform linux/arm/v7 docker-image://alpine:3.20',
  },
  E_DOCKERFILE: {
    cause:
      'A Dockerfile does not follow the rules by which BuildKit reads it. The message names file, line and instruction.',
    check: [
      'The hint says what to write instead.',
      'docker buildx build --check reads the same file and should complain of the same line.',
    ],
    example: 'docker buildx build --check .',
  },
  E_PATTERN: {
    cause: 'A pattern of --include, --exclude or an ignore file cannot be compiled.',
    check: [
      'A [ needs its ].',
      'A ! needs a pattern after it.',
      'A \\ makes the next character literal: it separates no folders, and ends no pattern.',
      'Quote patterns, so that the shell leaves them alone.',
    ],
    example: "ctxsrc key --exclude '**/*.log' .",
  },
  E_TAG_AMBIGUOUS: {
    cause: 'An OCI layout has the tag on more than one image, or has several images and none was chosen.',
    check: ['Choose one by its digest.', 'The message lists what there is.'],
    example: 'ctxsrc key oci-layout://./base@sha256:…',
  },
  E_LAYER_LIMIT: {
    cause: '--layer-limit asks for more layers than the image has, or is not a positive number.',
    check: ['ctxsrc inspect lists the layers.'],
    example: 'ctxsrc inspect docker-image://alpine:3.20',
  },
  E_NOT_PINNABLE: {
    cause: 'This kind of source has no reference that names its content: directories, http files and docker archives.',
    check: ['Use the key instead.', 'A lock file keeps the content key of such a source.'],
    example: 'ctxsrc key ./app',
  },
  E_TARGET_IN_SOURCE: {
    cause:
      'The target of the snapshot lies inside the directory that is copied: it would become part of its own source.',
    check: ['Choose a target outside.'],
    example: 'ctxsrc snapshot ./app ../app-copy',
  },
  E_CONFIG: {
    cause:
      'A configuration file (of ctxsrc, or with credentials), a certificate or a proxy setting cannot be read or is not valid.',
    check: [
      'The message names the file and the place.',
      'CTXSRC_CONFIG, --registry-config, DOCKER_CONFIG and REGISTRY_AUTH_FILE name such files.',
    ],
    example: 'ctxsrc auth registry.example',
  },
  E_SOURCE_MODULE: {
    cause:
      'A module given with --source, or in the configuration, does not load, exports no source, or takes a scheme or a flag that is there already; or its prepare() gives the kit nothing to test with.',
    check: [
      'The module exports `source`.',
      'Its schemes and the names of its attributes are its own: no command and no other source has them.',
      'ctxsrc sources test runs the conformance kit on it.',
    ],
    example: 'ctxsrc sources test ./my-source.js',
  },
  E_NOT_FOUND: {
    cause: 'What the reference names does not exist where it was looked for.',
    check: [
      'Look for a typing error in the name.',
      'A registry may hide private repositories behind "not found": check the credentials.',
    ],
    example: 'ctxsrc auth registry.example',
  },
  E_TAG_NOT_FOUND: {
    cause: 'The repository or layout is there, the tag is not.',
    check: ['For a layout the message lists the tags there are.', 'Tags are case-sensitive.'],
    example: 'ctxsrc inspect oci-layout://./base',
  },
  E_BLOB_NOT_FOUND: {
    cause: 'A manifest refers to a blob that is not there.',
    check: [
      'The image was pushed or copied incompletely: push it again.',
      'Foreign layers are fetched from the addresses that the image names: these may be gone.',
      'A layout made with a shared blob directory is not complete by itself.',
    ],
    example: 'skopeo copy docker://… oci:./base:latest',
  },
  E_PATH_NOT_FOUND: {
    cause: 'A file or directory does not exist.',
    check: ['Relative paths start at the current directory.', 'A path inside a source (--subpath) starts at its root.'],
    example: 'ctxsrc parse ./app',
  },
  E_OFFLINE: {
    cause: 'With --offline no connection is opened, and the store does not have everything that is needed.',
    check: [
      'Run ctxsrc pull with the same reference while online.',
      'Use the same --cache-dir.',
      'A tag needs the network; a digest does not.',
    ],
    example: 'ctxsrc pull docker-image://alpine:3.20',
  },
  E_UNAUTHORIZED: {
    cause: 'The server asks for credentials, or refused those that were sent (401).',
    check: [
      'See which credential is used and which were passed over.',
      'docker login writes the file that is read here.',
    ],
    example: 'ctxsrc auth --test registry.example',
  },
  E_FORBIDDEN: {
    cause: 'The server knows who asks, or did not want to know it, and does not allow this (403).',
    check: [
      'What the server says of it stands in brackets in the message.',
      'The account needs the right to pull. Some registries answer 403 to a wrong repository name.',
      'A server that asked for no credential refuses this network or client: a login changes nothing.',
    ],
    example: 'ctxsrc auth --test registry.example',
  },
  E_CREDENTIALS: {
    cause:
      'The credential for this server could not be had: its helper is missing, failed or took too long, its entry is broken, or CTXSRC_USERNAME and its kin are set without CTXSRC_REGISTRY.',
    check: ['Run the helper by hand, as the hint says.', 'Or name a file with --registry-config.'],
    example: 'ctxsrc auth registry.example',
  },
  E_TLS: {
    cause: 'The certificate of the server is not trusted, or no secure connection could be made.',
    check: [
      'A private certificate authority is added with --ca-file or CTXSRC_CA_FILE, or for one host in certs.d.',
      'A server without TLS is reached with --plain-http HOST.',
    ],
    example: 'ctxsrc digest --ca-file ca.pem docker-image://registry.example/app:1',
  },
  E_DIGEST_MISMATCH: {
    cause: 'Bytes were received or read whose digest is not the one that was asked for. They were thrown away.',
    check: ['A proxy or mirror may change content.', 'A layout or cache may be damaged: ctxsrc cache verify.'],
    example: 'ctxsrc cache verify',
  },
  E_SIZE_MISMATCH: {
    cause: 'A blob does not have the size that its descriptor says.',
    check: [
      'The image was pushed by a broken tool, or a proxy cut the body: push or copy it again.',
      'A layout or cache may be damaged: ctxsrc cache verify.',
    ],
    example: 'ctxsrc inspect docker-image://alpine:3.20',
  },
  E_DIFF_ID_MISMATCH: {
    cause: 'A layer, decompressed, is not what the image configuration says it is (its diff ID).',
    check: ['The image was made by a broken tool: build or push it again.'],
    example: 'ctxsrc inspect oci-layout://./base',
  },
  E_MANIFEST_INVALID: {
    cause:
      'A manifest or index is not what the image-spec allows: no JSON, wrong types, contradicting media types, a loop.',
    check: [
      'The message says where in the document.',
      'Look at it with skopeo inspect --raw.',
      'Build the image, or push it, again with a current tool.',
    ],
    example: 'skopeo inspect --raw docker://alpine:3.20',
  },
  E_IMAGE_CONFIG_INVALID: {
    cause: 'The configuration of an image cannot be read, or does not fit its manifest.',
    check: ['diff_ids and layers must be as many: build the image, or push it, again with a current tool.'],
    example: 'ctxsrc inspect docker-image://alpine:3.20',
  },
  E_NOT_AN_IMAGE: {
    cause:
      'What the name stands for is kept like an image and is none: a signature, an attestation, a Helm chart, a build cache, an artifact; or its layers are encrypted.',
    check: [
      'The message names its media type.',
      'What an artifact holds is had as a file by docker-image+blob://NAME@DIGEST or oci-layout+blob://PATH@DIGEST.',
    ],
    example: 'ctxsrc snapshot --filename chart.tgz docker-image+blob://registry.example/charts/app@sha256:… ./chart',
  },
  E_LAYOUT_INVALID: {
    cause: 'The directory is no OCI image layout: oci-layout or index.json is missing or not valid.',
    check: [
      'The directory must hold oci-layout, index.json and blobs/.',
      'A tar file of a layout is oci-archive://FILE.',
    ],
    example: 'skopeo copy docker://alpine:3.20 oci:./base:latest',
  },
  E_SCHEMA1: {
    cause: 'The image has a Docker schema 1 manifest, a form that was given up in 2017.',
    check: ['Push the image again with a current tool.'],
    example: 'skopeo copy docker://old/image docker://new/image',
  },
  E_ARCHIVE_INVALID: {
    cause: 'A layer or archive is damaged or malformed: truncated, a bad checksum, an impossible header.',
    check: ['tar -tvf shows how far it can be read.', 'Download it again.'],
    example: 'ctxsrc cache verify',
  },
  E_CONTENT_INVALID: {
    cause: 'What a source has read is not in the form that it takes: a line, a field or an encoding is malformed.',
    check: ['The message names the place: mend it there.', 'Download the file again, or write it anew.'],
    example: 'ctxsrc sources',
  },
  E_REGISTRY_PROTOCOL: {
    cause: 'A server (a registry, a git server, or that of a file) answered in a way that its protocol does not allow.',
    check: ['-v shows the requests.', 'A login page or a proxy may answer in its place.'],
    example: 'ctxsrc digest -v docker-image://registry.example/app:1',
  },
  E_STORE_CORRUPT: {
    cause: 'Something in the store is damaged and could not be repaired on the way.',
    check: ['ctxsrc cache verify removes what is bad; the next run fetches it again.'],
    example: 'ctxsrc cache verify',
  },
  E_SIDECAR_INVALID: {
    cause:
      'The sidecar of a snapshot (<dir>.ctxsrc.json) cannot be read: it was edited, cut off, or written by a newer version.',
    check: ['Write the snapshot again with --force.'],
    example: 'ctxsrc snapshot --force docker-image://alpine:3.20 ./rootfs',
  },
  E_TREE_DIFFERS: {
    cause: 'A snapshot is no longer what was written: paths were added, removed or changed.',
    check: ['The report names each path.', 'Write it again with --force.'],
    example: 'ctxsrc verify ./rootfs',
  },
  E_DRIFT: {
    cause:
      'A reference points at something else than the lock file says, or than it did when its key was made. It is also the exit of key --build --exit-code for a key that is not known: the build is due.',
    check: ['The message says what moved from what to what.', 'ctxsrc lock --update takes the new state.'],
    example: 'ctxsrc lock --check',
  },
  E_CHECKSUM_MISMATCH: {
    cause: 'The root digest is not the one that --checksum expects. For an index it is the digest of the index.',
    check: ['ctxsrc digest prints what is there now: review what changed before taking its digest.'],
    example: 'ctxsrc digest docker-image://alpine:3.20',
  },
  E_PLATFORM_NOT_FOUND: {
    cause:
      'The image has nothing for the platform that was asked for; with --strict also a single image that is for another one.',
    check: ['The message lists the platforms there are.', 'Choose one with --platform.'],
    example: 'ctxsrc key --platform linux/arm64 docker-image://alpine:3.20',
  },
  E_UNSAFE: {
    cause:
      'An archive, a repository or a server tries something that could reach outside of its place, a lock file contradicts itself, or a pipe or device stands where a small file is read; it was refused.',
    check: [
      'The message names the entry, or where the server leads to.',
      'Do not use this image or file, or ask who made it.',
      'An address inside that is meant: --allow-address ADDRESS.',
    ],
    example: 'ctxsrc inspect docker-image://registry.example/app:1',
  },
  E_LIMIT: {
    cause:
      'Something is larger than its limit: a manifest over 4 MiB, files or downloads over --max-bytes or --max-files, a layer that expands too far, an index.json of a layout over 16 MiB, a Dockerfile or ignore file over 16 MiB, an ignore file of more patterns than anyone writes.',
    check: ['If you trust the source, raise the limit that the message names.'],
    example: 'ctxsrc snapshot --max-bytes 200GiB docker-image://registry.example/big:1 ./big',
  },
  E_STORE_VERSION: {
    cause: 'The store was made by a newer version of ctxsrc.',
    check: ['Use that version, or another directory with --cache-dir.'],
    example: 'ctxsrc cache path',
  },
  E_LOSSY: {
    cause:
      'With --strict, and always for push: the written files would lack something (owners, devices, capabilities, setuid), because the process may not make it.',
    check: [
      'Run as root to keep everything.',
      'Leave --strict out: losses of a snapshot are then listed in the sidecar.',
    ],
    example: 'ctxsrc snapshot docker-image://alpine:3.20 ./rootfs',
  },
  E_INCOMPLETE: {
    cause:
      'With --strict: something that belongs to the key could not be seen, for instance extended attributes; or a context of the lock file has no form that holds it in the words of another tool.',
    check: [
      'For a key: install the optional package koffi.',
      'For lock --format: see whether another format can hold the context.',
      'Leave --strict out: what is missing is then only named.',
    ],
    example: 'ctxsrc key --json .',
  },
  E_DOUBTFUL: {
    cause:
      "With --strict: the reference is taken as BuildKit takes it, and probably means something else: an OCI layout named as a directory, or the page of a forge instead of its repository. Of a build: something leaves open whether it has to run, such as an image that is not pinned or another front end than docker's.",
    check: [
      'The hint has both references: type the one that is meant.',
      'Of a build: pin the image, as the hint says.',
    ],
    example: 'ctxsrc key --strict oci-layout://./base',
  },
  E_TARGET_EXISTS: {
    cause: 'At the target there is something that is not this snapshot, and nothing is replaced unasked.',
    check: [
      '--force replaces it, when the new one is whole.',
      'The current directory and mount points are never replaced.',
      'push: the registry does not move this tag; another tag, or the same image, is taken.',
    ],
    example: 'ctxsrc snapshot --force docker-image://alpine:3.20 ./rootfs',
  },
  E_IO: {
    cause: 'The operating system refused to read or write a file.',
    check: ['The message names the path and the reason.'],
    example: 'ctxsrc cache path',
  },
  E_DISK_FULL: {
    cause: 'There is no space left. Nothing half-written stays.',
    check: [
      'df -h shows the file systems, quota -s a quota, ctxsrc cache du the store.',
      'ctxsrc cache prune makes room.',
    ],
    example: 'ctxsrc cache prune --max-size 5GB',
  },
  E_PERMISSION: {
    cause: 'A file may not be read or written by this user.',
    check: ['ls -l shows owner and mode.', 'For a build context: add the path to the ignore file.'],
    example: 'ctxsrc key --exclude secret .',
  },
  E_NETWORK: {
    cause: 'The server could not be reached, or the connection broke more often than --retry allows.',
    check: [
      'Name, port and proxy (HTTPS_PROXY, ALL_PROXY, NO_PROXY).',
      'A server without TLS needs --plain-http HOST.',
    ],
    example: 'ctxsrc digest -v docker-image://registry.example/app:1',
  },
  E_SERVER: {
    cause: 'The server answered with an error of its own (5xx) more often than --retry allows.',
    check: ['Try again later.', '-v shows every request.'],
    example: 'ctxsrc digest -v docker-image://registry.example/app:1',
  },
  E_STALLED: {
    cause: 'No byte arrived for as long as --stall-timeout.',
    check: ['Try again; a partial download is continued.', 'Raise --stall-timeout on a very slow line.'],
    example: 'ctxsrc pull --stall-timeout 5m docker-image://alpine:3.20',
  },
  E_LOCK_TIMEOUT: {
    cause: 'Another process holds what is needed and did not finish.',
    check: ['The message says who holds it.', 'A lock of a dead process is taken over by itself.'],
    example: 'ctxsrc cache ls',
  },
  E_RATE_LIMIT: {
    cause: 'The registry allows no more requests for now, for longer than --max-wait.',
    check: [
      'Log in: named accounts have higher limits.',
      'Use a mirror: --mirror docker.io=mirror.example.',
      'Raise --max-wait.',
    ],
    example: 'ctxsrc digest --max-wait 1h docker-image://alpine:3.20',
  },
  E_HANGUP: {
    cause:
      'The terminal was closed, or the connection to it (SIGHUP). Nothing half-written stays; a partial download is kept for the next run.',
    check: ['Run it again to go on, in tmux or screen if it takes long.'],
    example: 'ctxsrc pull docker-image://alpine:3.20',
  },
  E_INTERRUPTED: {
    cause:
      'The command was interrupted (SIGINT). Nothing half-written stays; a partial download is kept for the next run.',
    check: ['Run it again to go on.'],
    example: 'ctxsrc pull docker-image://alpine:3.20',
  },
  E_QUIT: {
    cause:
      'The command was told to quit (SIGQUIT). Nothing half-written stays; a partial download is kept for the next run.',
    check: ['Run it again to go on.'],
    example: 'ctxsrc pull docker-image://alpine:3.20',
  },
  E_TERMINATED: {
    cause:
      'The command was ended from outside (SIGTERM). Nothing half-written stays; a partial download is kept for the next run.',
    check: ['CI systems end a job at its time limit.', 'Run it again to go on.'],
    example: 'ctxsrc pull docker-image://alpine:3.20',
  },
};
