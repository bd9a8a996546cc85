// The data of the page, and which files count: those below no filter, or those that a search and a tag leave.

/** What an element holds as base64 of deflated JSON. */
async function heldIn(element) {
  const bytes = Uint8Array.from(atob(element.textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Response(stream).json();
}

/** The columns of the tree. */
async function readData(element) {
  const data = await heldIn(element);
  return { ...data, tree: treeOf(data.tree) };
}

function treeOf({ names, up, folders, sizes, counts, tags, notes, texts }) {
  const tree = {
    names,
    parents: Int32Array.from(up, (distance, place) => place - distance),
    folders: Uint8Array.from(folders),
    tags: Uint32Array.from(tags),
    noteOf: (place) => texts[notes[place]],
    own: { bytes: Float64Array.from(sizes), files: Float64Array.from(counts) },
    // What the filters leave: of each node by itself, and with all that is in it.
    left: new Uint8Array(names.length),
    bytes: new Float64Array(names.length),
    files: new Float64Array(names.length),
    isFiltered: false,
    smallNames: undefined,
    orders: {},
  };
  applyFilters(tree, { search: '', tag: undefined });
  tree.all = { bytes: tree.bytes.slice(), files: tree.files.slice() };
  return tree;
}

/** Which nodes a search finds by their path, whatever its case: what is in a folder that is found is found, too. */
function matchesOf(tree, search) {
  const { parents } = tree;
  tree.smallNames ??= tree.names.map((name) => name.toLowerCase());
  const names = tree.smallNames;
  const parts = search.toLowerCase().split('/');
  const last = parts.pop();
  const isBelow = (folder) => {
    let at = folder;
    for (let part = parts.length - 1; part > 0; part--) {
      if (at < 0 || names[at] !== parts[part]) return false;
      at = parents[at];
    }
    return at >= 0 && names[at].endsWith(parts[0]);
  };
  const found = new Uint8Array(names.length);
  for (let place = 1; place < names.length; place++) {
    if (found[parents[place]] === 1) found[place] = 1;
    else if (parts.length === 0) found[place] = names[place].includes(last) ? 1 : 0;
    else found[place] = names[place].startsWith(last) && isBelow(parents[place]) ? 1 : 0;
  }
  return found;
}

/** Sums what the filters leave. */
function applyFilters(tree, { search, tag }) {
  const { parents, own, left, bytes, files } = tree;
  const matches = search === '' ? undefined : matchesOf(tree, search);
  tree.isFiltered = matches !== undefined || tag !== undefined;
  bytes.fill(0);
  files.fill(0);
  for (let place = left.length - 1; place > 0; place--) {
    const isLeft =
      own.files[place] > 0 &&
      (tag === undefined || tree.tags[place] === tag) &&
      (matches === undefined || matches[place] === 1);
    left[place] = isLeft ? 1 : 0;
    if (isLeft) {
      bytes[place] += own.bytes[place];
      files[place] += own.files[place];
    }
    bytes[parents[place]] += bytes[place];
    files[parents[place]] += files[place];
  }
}

/** All nodes, the largest first, and what is in each folder in that order, as if there were no filters: made once. */
function orderOf(tree, by) {
  if (tree.orders[by] === undefined) {
    const weights = tree.all[by];
    const places = Uint32Array.from(weights.keys()).sort((a, b) => weights[b] - weights[a] || a - b);
    const children = tree.names.map(() => undefined);
    for (const place of places) {
      if (place === 0) continue;
      const parent = tree.parents[place];
      if (children[parent] === undefined) children[parent] = [place];
      else children[parent].push(place);
    }
    tree.orders[by] = { places, children };
  }
  return tree.orders[by];
}

/** What is directly in a folder and left by the filters, the largest first. */
function childrenOf(tree, folder, by) {
  const all = orderOf(tree, by).children[folder] ?? [];
  if (!tree.isFiltered) return all;
  const weights = tree[by];
  return all.filter((place) => tree.files[place] > 0).sort((a, b) => weights[b] - weights[a]);
}

/** What the filters leave below a folder, each by itself, the largest first. */
function filesBelow(tree, folder, by) {
  const { left, parents } = tree;
  const isBelow = new Uint8Array(left.length);
  isBelow[folder] = 1;
  for (let place = folder + 1; place < isBelow.length; place++) isBelow[place] = isBelow[parents[place]];
  const found = [];
  for (const place of orderOf(tree, by).places) if (left[place] === 1 && isBelow[place] === 1) found.push(place);
  return found;
}

function pathOf(tree, place, top = 0) {
  const parts = [];
  for (let at = place; at !== top && at > 0; at = tree.parents[at]) parts.push(tree.names[at]);
  return parts.reverse().join('/');
}

/** The folder of a path; the root where there is none. */
function folderAt(tree, path) {
  const { children } = orderOf(tree, 'bytes');
  let folder = 0;
  for (const name of path.split('/').filter((part) => part !== '')) {
    const next = (children[folder] ?? []).find((place) => tree.folders[place] === 1 && tree.names[place] === name);
    if (next === undefined) return 0;
    folder = next;
  }
  return folder;
}

/** What the tree consists of, for programs. */
function listedPaths({ tree, tags, tagHead }) {
  const paths = [];
  for (const [place, count] of tree.own.files.entries()) {
    if (count === 0 || place === 0) continue;
    const tag = tagHead === '' ? {} : { [tagHead.toLowerCase()]: tags[tree.tags[place]].label };
    paths.push({ path: pathOf(tree, place), size: tree.own.bytes[place], count, ...tag, details: tree.noteOf(place) });
  }
  return paths;
}

/** As the terminal has them: three digits and a unit. */
function bytesText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  if (unit === 0) return `${bytes} B`;
  return `${value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}
