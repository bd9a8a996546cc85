// Makes the images that the benchmarks use, as OCI layouts: `node bench/corpora.mjs FOLDER [image…]`. What is there
// already is kept. Needs root and debootstrap (with a Debian mirror) for debian and devimg; tar, gzip and zstd for all.
import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where debootstrap takes packages from; its own choice unless given. */
const MIRROR = process.env.DEBIAN_MIRROR;
const SUITE = 'bookworm';
const EPOCH = 1_700_000_000;

/** Numbers that are the same in every run. */
function random(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export function sha256File(path) {
  const hash = createHash('sha256');
  const fd = openSync(path, 'r');
  const buffer = Buffer.allocUnsafe(1 << 20);
  for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) hash.update(buffer.subarray(0, n));
  closeSync(fd);
  return hash.digest('hex');
}

/** An OCI layout whose image has the given archives as layers. */
function writeLayout(out, tars, compression) {
  const temporary = `${out}.tmp`;
  rmSync(temporary, { recursive: true, force: true });
  const blobs = join(temporary, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const json = (value, mediaType) => {
    const bytes = Buffer.from(JSON.stringify(value));
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const layers = tars.map((tar) => {
    const blob = join(temporary, 'blob');
    const command = compression === 'zstd' ? 'zstd -q -3 -c' : 'gzip -6 -n -c';
    execFileSync('sh', ['-c', `${command} "$1" > "$2"`, 'sh', tar, blob]);
    const hex = sha256File(blob);
    const { size } = statSync(blob);
    renameSync(blob, join(blobs, hex));
    return { mediaType: `application/vnd.oci.image.layer.v1.tar+${compression}`, digest: `sha256:${hex}`, size };
  });
  const config = json(
    {
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: tars.map((tar) => `sha256:${sha256File(tar)}`) },
    },
    'application/vnd.oci.image.config.v1+json',
  );
  const manifest = json(
    { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers },
    'application/vnd.oci.image.manifest.v1+json',
  );
  writeFileSync(join(temporary, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  writeFileSync(
    join(temporary, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  renameSync(temporary, out);
}

function tarDirectory(dir, out, extra = []) {
  const options = [
    '--format=pax',
    '--numeric-owner',
    '--xattrs',
    '--sort=name',
    '--pax-option=delete=atime,delete=ctime',
  ];
  execFileSync('tar', [...options, ...extra, '-cf', out, '-C', dir, '.']);
  return out;
}

/** A minimal Debian; `/dev` is emptied, as in published images. */
function debootstrap(work, name, include) {
  const root = join(work, name);
  if (existsSync(root)) return root;
  const packages = include.length > 0 ? [`--include=${include.join(',')}`] : [];
  rmSync(`${root}.tmp`, { recursive: true, force: true });
  execFileSync(
    'debootstrap',
    ['--variant=minbase', ...packages, SUITE, `${root}.tmp`, ...(MIRROR === undefined ? [] : [MIRROR])],
    {
      stdio: 'ignore',
    },
  );
  rmSync(join(`${root}.tmp`, 'dev'), { recursive: true, force: true });
  mkdirSync(join(`${root}.tmp`, 'dev'));
  renameSync(`${root}.tmp`, root);
  return root;
}

function baseLayer(work) {
  const out = join(work, 'base.tar');
  return existsSync(out) ? out : tarDirectory(debootstrap(work, 'debian-root', []), out);
}

/** What a bigger installation has that the base has not. */
function packagesLayer(work) {
  const out = join(work, 'packages.tar');
  if (existsSync(out)) return out;
  const base = debootstrap(work, 'debian-root', []);
  const full = debootstrap(work, 'devimg-root', ['git', 'gcc', 'make', 'python3', 'perl', 'curl', 'ca-certificates']);
  const changed = [];
  const visit = (path) => {
    for (const name of readdirSync(join(full, path)).sort()) {
      const child = path === '' ? name : `${path}/${name}`;
      const stat = lstatSync(join(full, child));
      const old = lstatSync(join(base, child), { throwIfNoEntry: false });
      const same =
        old !== undefined &&
        old.mode === stat.mode &&
        (stat.isDirectory() || (old.size === stat.size && old.mtimeMs === stat.mtimeMs));
      if (!same) changed.push(`./${child}`);
      if (stat.isDirectory()) visit(child);
    }
  };
  visit('');
  const list = join(work, 'packages.list');
  writeFileSync(list, `${changed.join('\0')}\0`);
  const options = ['--format=pax', '--numeric-owner', '--xattrs', '--pax-option=delete=atime,delete=ctime'];
  execFileSync('tar', [...options, '--null', '--no-recursion', '-cf', out, '-C', full, '-T', list]);
  return out;
}

/** Text that gzip makes about four times smaller, as source code is. */
function sourceText(bytes, seed) {
  const next = random(seed);
  const letters = 'etaoinsrhldcumfpgwybvkxjqz';
  const words = Array.from({ length: 3000 }, () =>
    Array.from({ length: 2 + next(9) }, () => letters[Math.min(next(26), next(26))]).join(''),
  );
  const glue = [' ', ' ', ' ', '(', ') {\n  ', ';\n', ' = ', '.', ', ', '\n\n', ' => ', '"', "'"];
  const parts = [];
  for (let length = 0; length < bytes; ) {
    const part = words[Math.min(next(3000), next(3000), next(3000))] + glue[next(glue.length)];
    parts.push(part);
    length += part.length;
  }
  return Buffer.from(parts.join('').slice(0, bytes));
}

/** As `npm install` leaves it: 30,000 files, most of them small. */
function npmLayer(work) {
  const out = join(work, 'npm.tar');
  if (existsSync(out)) return out;
  const pool = sourceText(16 << 20, 1);
  const next = random(2);
  const tar = new TarFile(out);
  tar.add({ name: 'usr/lib/node_modules/', type: '5', mode: 0o755 });
  for (let i = 0; i < 600; i += 1) {
    const module = `usr/lib/node_modules/module-${i}`;
    tar.add({ name: `${module}/`, type: '5', mode: 0o755 });
    for (const sub of ['lib', 'dist', 'test', 'types']) {
      tar.add({ name: `${module}/${sub}/`, type: '5', mode: 0o755 });
      for (let j = 0; j < 12; j += 1) {
        const size = Math.min(200_000, Math.floor(400 * Math.exp(next(1000) / 230)) + next(900));
        const start = next(pool.length - size);
        tar.add({ name: `${module}/${sub}/file-${j}.js`, mode: 0o644, content: pool.subarray(start, start + size) });
      }
    }
    tar.add({ name: `${module}/package.json`, mode: 0o644, content: pool.subarray(i * 900, i * 900 + 900) });
    tar.add({ name: `${module}/README.md`, mode: 0o644, content: pool.subarray(i * 3000, i * 3000 + 3000) });
  }
  tar.end();
  return out;
}

/** What layers can do to one another. */
function edgeLayer(work) {
  const out = join(work, 'edge.tar');
  if (existsSync(out)) return out;
  const tar = new TarFile(out);
  tar.add({ name: 'usr/lib/node_modules/.wh.module-7' });
  tar.add({ name: 'usr/lib/node_modules/module-8/.wh.README.md' });
  tar.add({ name: 'usr/lib/node_modules/.wh.no-such-module' });
  tar.add({ name: 'usr/lib/node_modules/module-9/lib/.wh..wh..opq' });
  tar.add({ name: 'usr/lib/node_modules/module-9/lib/new.js', content: Buffer.from('new') });
  tar.add({ name: 'usr/lib/node_modules/module-10/lib/new.js', content: Buffer.from('new') });
  tar.add({ name: 'usr/lib/node_modules/module-10/lib/.wh..wh..opq' });
  tar.add({ name: 'usr/lib/node_modules/module-11', content: Buffer.from('a file now') });
  tar.add({ name: 'usr/lib/node_modules/module-12/package.json/', type: '5', mode: 0o750 });
  tar.add({ name: 'usr/lib/node_modules/module-13/', type: '5', mode: 0o1777, uid: 1000, gid: 1000 });
  tar.add({
    name: 'usr/lib/node_modules/module-14/linked.md',
    type: '1',
    linkName: 'usr/lib/node_modules/module-14/README.md',
  });
  tar.add({ name: 'usr/lib/node_modules/module-14/README.md', content: Buffer.from('replaced, the link stays') });
  tar.add({ name: 'bin/through-the-link', mode: 0o4755, content: Buffer.from('written to usr/bin') });
  tar.add({
    name: 'usr/bin/with-capability',
    mode: 0o755,
    uid: 33,
    gid: 33,
    content: Buffer.from('x'),
    pax: [['SCHILY.xattr.security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')]],
  });
  tar.add({
    name: 'opt/noted',
    content: Buffer.from('x'),
    pax: [
      ['SCHILY.xattr.user.note', Buffer.from([1, 0, 0xff, 0x0a])],
      ['mtime', Buffer.from('1600000000.123456789')],
    ],
  });
  tar.add({ name: 'opt/new\nline', content: Buffer.from('x') });
  tar.add({ name: 'opt/bytes-\xff\xfe', content: Buffer.from('x') });
  tar.add({ name: `opt/${'n'.repeat(90)}`, content: Buffer.from('x') });
  tar.add({ name: 'opt/sgid/', type: '5', mode: 0o2775, gid: 50 });
  tar.add({ name: 'opt/dangling', type: '2', linkName: '/no/such/place' });
  tar.add({ name: 'opt/pipe', type: '6', mode: 0o640 });
  tar.add({ name: 'opt/null', type: '3', mode: 0o666, major: 1, minor: 3 });
  tar.add({ name: 'opt/twice', content: Buffer.from('first') });
  tar.add({ name: 'opt/twice', content: Buffer.from('second') });
  tar.end();
  return out;
}

/** What no compressor makes smaller. */
function blobLayer(work) {
  const out = join(work, 'blob.tar');
  if (existsSync(out)) return out;
  const tar = new TarFile(out);
  const size = 300 << 20;
  tar.add({ name: 'opt/', type: '5', mode: 0o755 });
  tar.header({ name: 'opt/blob.bin', size });
  let key = Buffer.from('blob');
  for (let written = 0; written < size; written += 1 << 20) {
    key = createHash('sha256').update(key).digest();
    const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
    tar.write(cipher.update(Buffer.alloc(1 << 20)));
  }
  tar.end();
  return out;
}

function manySmall(work) {
  const out = join(work, 'manysmall.tar');
  if (existsSync(out)) return out;
  const tar = new TarFile(out);
  tar.add({ name: 'data/', type: '5', mode: 0o755 });
  for (let i = 0; i < 500; i += 1) {
    tar.add({ name: `data/d${i}/`, type: '5', mode: 0o755 });
    for (let j = 0; j < 200; j += 1) {
      tar.add({ name: `data/d${i}/f${j}`, mode: 0o644, content: Buffer.from(`file ${i} ${j}\n`) });
    }
  }
  tar.end();
  return out;
}

/** Sixty layers, some of which replace and remove what others wrote. */
function manyLayers(work) {
  const pool = sourceText(4 << 20, 3);
  const next = random(4);
  return Array.from({ length: 60 }, (_, layer) => {
    const out = join(work, `many-${layer}.tar`);
    const tar = new TarFile(out);
    tar.add({ name: 'app/', type: '5', mode: 0o755 });
    tar.add({ name: `app/layer-${layer}/`, type: '5', mode: 0o755 });
    for (let i = 0; i < 66; i += 1) {
      const size = next(18_000);
      const start = next(pool.length - size);
      tar.add({ name: `app/layer-${layer}/file-${i}`, mode: 0o644, content: pool.subarray(start, start + size) });
    }
    tar.add({ name: 'app/shared', content: Buffer.from(`layer ${layer}`) });
    if (layer > 0) tar.add({ name: `app/layer-${layer - 1}/.wh.file-0` });
    tar.end();
    return out;
  });
}

/** Writes an archive to a file, entry by entry. */
class TarFile {
  #fd;
  #pending = [];
  #bytes = 0;

  constructor(path) {
    this.#fd = openSync(path, 'w');
  }

  add({ content = Buffer.alloc(0), pax = [], ...rest }) {
    if (pax.length > 0) {
      const body = Buffer.concat(pax.map(([key, value]) => paxRecord(key, value)));
      this.header({ name: 'PaxHeaders/x', type: 'x', size: body.length });
      this.write(body);
    }
    this.header({ ...rest, size: content.length });
    this.write(content);
  }

  header({ name, type = '0', mode = 0o644, uid = 0, gid = 0, size = 0, linkName = '', major = 0, minor = 0 }) {
    const header = Buffer.alloc(512);
    const octal = (value, at, length) => header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
    header.write(name, 0, 100, 'latin1');
    octal(mode, 100, 8);
    octal(uid, 108, 8);
    octal(gid, 116, 8);
    octal(size, 124, 12);
    octal(EPOCH, 136, 12);
    header.write('        ', 148, 'latin1');
    header.write(type, 156, 'latin1');
    header.write(linkName, 157, 100, 'latin1');
    header.write('ustar\x0000', 257, 'latin1');
    octal(major, 329, 8);
    octal(minor, 337, 8);
    octal(
      header.reduce((sum, byte) => sum + byte, 0),
      148,
      7,
    );
    this.#put(header);
  }

  /** Content, of which all but the last piece must be whole blocks. */
  write(content) {
    this.#put(content);
    if (content.length % 512 !== 0) this.#put(Buffer.alloc(512 - (content.length % 512)));
  }

  end() {
    this.#put(Buffer.alloc(1024));
    this.#flush();
    closeSync(this.#fd);
  }

  #put(bytes) {
    this.#pending.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes > 4 << 20) this.#flush();
  }

  #flush() {
    writeSync(this.#fd, Buffer.concat(this.#pending));
    this.#pending = [];
    this.#bytes = 0;
  }
}

function paxRecord(key, value) {
  const rest = 1 + key.length + 1 + value.length + 1;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length += 1;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')]);
}

const IMAGES = {
  debian: (work) => [baseLayer(work)],
  devimg: (work) => [baseLayer(work), packagesLayer(work), npmLayer(work), edgeLayer(work), blobLayer(work)],
  manysmall: (work) => [manySmall(work)],
  manylayers: (work) => manyLayers(work),
  'devimg-zstd': (work) => IMAGES.devimg(work),
};

export const IMAGE_NAMES = Object.keys(IMAGES);

/** Makes an image below `folder` unless it is there. @returns its OCI layout */
export function makeImage(folder, name) {
  const layout = join(folder, name);
  if (existsSync(layout)) return layout;
  const make = IMAGES[name];
  if (make === undefined) throw new Error(`unknown image ${name}: one of ${IMAGE_NAMES.join(', ')}`);
  const work = join(folder, 'work');
  mkdirSync(work, { recursive: true });
  writeLayout(layout, make(work), name.endsWith('-zstd') ? 'zstd' : 'gzip');
  return layout;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, ...names] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: node bench/corpora.mjs FOLDER [image…]');
  for (const name of names.length > 0 ? names : IMAGE_NAMES) console.log(makeImage(folder, name));
}
