// The data of the page, and which files count: those below no filter, or those that a search and a tag leave.

/** The columns of the tree, from base64 of deflated JSON. */
async function readData(element) {
  const bytes = Uint8Array.from(atob(element.textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const data = await new Response(stream).json();
  return { ...data, tree: treeOf(data.tree) };
}

function treeOf({ names, up, folders, sizes, counts, tags, notes, texts }) {
  const parents = up.map((distance, place) => place - distance);
  const children = names.map(() => undefined);
  for (let place = 1; place < names.length; place++) {
    const parent = parents[place];
    if (children[parent] === undefined) children[parent] = [];
    children[parent].push(place);
  }
  return {
    names,
    parents,
    folders,
    tags,
    children,
    noteOf: (place) => texts[notes[place]],
    ownSizes: sizes,
    ownCounts: counts,
    // What the filters leave, of folders the sums.
    sizes: new Float64Array(names.length),
    counts: new Float64Array(names.length),
    paths: undefined,
  };
}

/** The path of each node in small letters, made when it is first searched. */
function pathsOf(tree) {
  if (tree.paths === undefined) {
    tree.paths = [''];
    for (let place = 1; place < tree.names.length; place++) {
      const parent = tree.paths[tree.parents[place]];
      const name = tree.names[place].toLowerCase();
      tree.paths.push(parent === '' ? name : `${parent}/${name}`);
    }
  }
  return tree.paths;
}

/** Sums what the filters leave. */
function applyFilters(tree, { search, tag }) {
  const { names, parents, folders, ownSizes, ownCounts, sizes, counts } = tree;
  const wanted = search.toLowerCase();
  const paths = wanted === '' ? undefined : pathsOf(tree);
  sizes.fill(0);
  counts.fill(0);
  for (let place = names.length - 1; place > 0; place--) {
    if (folders[place] === 0) {
      if (tag !== undefined && tree.tags[place] !== tag) continue;
      if (paths !== undefined && !paths[place].includes(wanted)) continue;
      sizes[place] = ownSizes[place];
      counts[place] = ownCounts[place];
    }
    sizes[parents[place]] += sizes[place];
    counts[parents[place]] += counts[place];
  }
}

/** What is directly in a folder and left by the filters, the largest first. */
function childrenOf(tree, folder, weights) {
  const isFiltered = tree.counts[0] !== tree.allFiles;
  const left = (tree.children[folder] ?? []).filter((place) => !isFiltered || tree.counts[place] > 0);
  return left.sort((a, b) => weights[b] - weights[a] || (tree.names[a] < tree.names[b] ? -1 : 1));
}

/** The files below a folder that the filters leave, the largest first. */
function filesBelow(tree, folder, weights) {
  const found = [];
  const open = [folder];
  while (open.length > 0) {
    for (const place of tree.children[open.pop()] ?? []) {
      if (tree.counts[place] === 0) continue;
      if (tree.folders[place] === 1) open.push(place);
      else found.push(place);
    }
  }
  return found.sort((a, b) => weights[b] - weights[a]);
}

function pathOf(tree, place, top = 0) {
  const parts = [];
  for (let at = place; at !== top && at > 0; at = tree.parents[at]) parts.unshift(tree.names[at]);
  return parts.join('/');
}

/** The folder of a path; the root where there is none. */
function folderAt(tree, path) {
  let folder = 0;
  for (const name of path.split('/').filter((part) => part !== '')) {
    const next = (tree.children[folder] ?? []).find((place) => tree.folders[place] === 1 && tree.names[place] === name);
    if (next === undefined) return 0;
    folder = next;
  }
  return folder;
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
