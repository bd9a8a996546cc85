// The page as a whole: what is looked at stands in its address, so that back, forward and a bookmark work.

const root = document.documentElement;
const tools = document.getElementById('tools');
const said = document.getElementById('said');

const isDark = () =>
  root.dataset.theme === 'dark' ||
  (root.dataset.theme === undefined && matchMedia('(prefers-color-scheme: dark)').matches);

function toggleTheme() {
  root.dataset.theme = isDark() ? 'light' : 'dark';
  redraw();
}

let redraw = () => {};

/** A filter for the rows of the tables, for a page without files. */
function searchRows(search) {
  const wanted = search.toLowerCase();
  let shown = 0;
  for (const row of document.querySelectorAll('table.rows tbody tr')) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
    if (!row.hidden) shown += 1;
  }
  said.textContent = `${shown.toLocaleString('en')} rows`;
}

function searchBox(oninput) {
  const input = element('input', { type: 'search', id: 'search', oninput: () => oninput(input.value) });
  return [element('label', { for: 'search' }, 'Search'), input];
}

function stateOf(hash) {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?');
  const parameters = new URLSearchParams(query);
  let folder = '';
  try {
    folder = decodeURIComponent(path);
  } catch {
    // Not an address of this page.
  }
  const tag = parameters.get('tag');
  return {
    path: folder,
    search: parameters.get('q') ?? '',
    tag: tag === null ? undefined : Number(tag),
    by: parameters.get('by') ?? 'bytes',
  };
}

function addressOf({ path, search, tag, by }) {
  const parameters = new URLSearchParams();
  if (tag !== undefined) parameters.set('tag', String(tag));
  if (search !== '') parameters.set('q', search);
  if (by !== 'bytes') parameters.set('by', by);
  const query = parameters.toString();
  return `#/${path.split('/').map(encodeURIComponent).join('/')}${query === '' ? '' : `?${query}`}`;
}

/** Puts search, breadcrumb, map and list in place. */
async function browse(data) {
  const { tree, tags } = data;
  applyFilters(tree, { search: '', tag: undefined });
  tree.allFiles = tree.counts[0];
  const [label, search] = searchBox((value) => go({ search: value }, true));
  const by = element(
    'select',
    { id: 'by', onchange: () => go({ by: by.value }) },
    element('option', { value: 'bytes' }, data.sizeHead),
    element('option', { value: 'files' }, 'Number of files'),
  );
  const crumbs = element('nav', { class: 'crumbs', 'aria-label': 'Folder' });
  const count = element('p', { id: 'count' });
  const clear = element('button', { type: 'button', hidden: true, onclick: () => go({ tag: undefined }) });
  const canvas = element('canvas', { role: 'img' });
  const body = element('tbody');
  const more = element('button', { type: 'button', hidden: true });
  const heads = ['Name', data.sizeHead, 'Share', 'Files', ...(data.tagHead === '' ? [] : [data.tagHead]), 'Details'];
  const table = element(
    'table',
    {},
    element('caption', { class: 'unseen' }, 'Files of the folder, the largest first'),
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        ...heads.map((head, at) =>
          element('th', { scope: 'col', class: at > 0 && at < 4 ? 'number' : undefined }, head),
        ),
      ),
    ),
    body,
  );
  const list = element('div', { id: 'list', class: 'wide' }, table);
  const place = document.getElementById('browse');
  place.append(
    element('div', { class: 'controls' }, label, search, element('label', { for: 'by' }, 'By'), by, clear),
    crumbs,
    count,
    list,
    element('div', { class: 'controls' }, more),
    canvas,
  );
  place.hidden = false;

  let state = stateOf(location.hash);
  let folder = 0;
  let boxes = [];
  let marked;

  const weights = () => (state.by === 'files' ? tree.counts : tree.sizes);
  const draw = () => {
    boxes = mapBoxes(tree, folder, weights(), { width: canvas.clientWidth, height: canvas.clientHeight });
    drawMap(canvas, boxes, { tree, tags, marked });
  };
  const mark = (at) => {
    if (marked === at) return;
    marked = at;
    for (const row of body.children) row.classList.toggle('here', row.dataset.place === String(at));
    drawMap(canvas, boxes, { tree, tags, marked });
    const what = tree.folders[at] === 1 ? 'folder' : 'file';
    const total = tree.sizes[0];
    const share = total === 0 ? '' : `, ${((tree.sizes[at] / total) * 100).toFixed(0)} %`;
    said.textContent = `${pathOf(tree, at)}, ${what}, ${bytesText(tree.sizes[at])}${share}`;
  };

  const go = (change, isTyping = false) => {
    state = { ...state, ...change };
    const address = addressOf(state);
    if (isTyping) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    show();
  };
  const open = (at) => {
    go({ path: pathOf(tree, at) });
    body.querySelector('button')?.focus();
  };

  const show = () => {
    folder = folderAt(tree, state.path);
    marked = undefined;
    applyFilters(tree, state);
    if (search.value !== state.search) search.value = state.search;
    by.value = state.by;
    const measure = weights();
    const rows = state.search === '' ? childrenOf(tree, folder, measure) : filesBelow(tree, folder, measure);
    fillList(body, more, { rows, tree, data, folder, total: measure[folder], weights: measure, open, mark });
    fillCrumbs();
    const files = `${tree.counts[folder].toLocaleString('en')} of ${tree.allFiles.toLocaleString('en')} files, ${bytesText(tree.sizes[folder])}`;
    count.textContent = files;
    said.textContent = files;
    clear.hidden = state.tag === undefined;
    clear.textContent = `Show every ${data.tagHead.toLowerCase()}, not only ${tags[state.tag]?.label ?? ''}`;
    for (const row of document.querySelectorAll('tr[data-tag]'))
      row.setAttribute('aria-current', String(Number(row.dataset.tag) === state.tag));
    canvas.setAttribute('aria-label', `Map of /${pathOf(tree, folder)}: the list says the same`);
    draw();
  };

  const fillCrumbs = () => {
    const parts = [];
    for (let at = folder; at > 0; at = tree.parents[at]) parts.unshift(at);
    const button = (at, name) => element('button', { type: 'button', onclick: () => open(at) }, name);
    crumbs.replaceChildren(button(0, '(all)'), ...parts.flatMap((at) => [' / ', button(at, tree.names[at])]));
  };

  upgradeTags(data, (tag) => go({ tag: state.tag === tag ? undefined : tag }));
  canvas.addEventListener('pointermove', (event) => {
    const box = boxAt(boxes, event.offsetX, event.offsetY);
    if (box !== undefined) mark(box.place);
  });
  canvas.addEventListener('click', (event) => {
    const box = boxAt(boxes, event.offsetX, event.offsetY);
    if (box !== undefined) open(tree.folders[box.place] === 1 ? box.place : tree.parents[box.place]);
  });
  addEventListener('popstate', () => {
    state = stateOf(location.hash);
    show();
  });
  addEventListener('resize', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  addEventListener('beforeprint', () => {
    const { theme } = root.dataset;
    root.dataset.theme = 'light';
    draw();
    addEventListener(
      'afterprint',
      () => {
        if (theme === undefined) delete root.dataset.theme;
        else root.dataset.theme = theme;
        draw();
      },
      { once: true },
    );
  });
  redraw = draw;
  show();
  return {
    body,
    up: () => {
      if (folder !== 0) open(tree.parents[folder]);
    },
    nextTag: () => {
      if (data.tagHead === '') return;
      const next = state.tag === undefined ? 0 : state.tag + 1;
      go({ tag: next < tags.length ? next : undefined });
    },
    clear: () => go({ search: '', tag: undefined }),
  };
}

/** Makes the first cell of rows that stand for files a button that filters by them. */
function upgradeTags({ tags }, choose) {
  for (const row of document.querySelectorAll('tr[data-tag]')) {
    const cell = row.cells[0];
    const tag = Number(row.dataset.tag);
    const name = cell.textContent;
    const about = `${name}: show only its files`;
    cell.replaceChildren(
      element(
        'button',
        { type: 'button', 'aria-label': about, onclick: () => choose(tag) },
        tags[tag] === undefined ? name : name,
      ),
    );
  }
}

const HELP =
  '/ search, Esc clear, arrows and Enter in the list, Backspace out of a folder, L next layer or kind of change, D dark or light';

async function start() {
  const source = document.getElementById('data');
  let view;
  if (source !== null && typeof DecompressionStream === 'function') view = await browse(await readData(source));
  const bar = element('div', { class: 'controls' });
  if (source === null) bar.append(...searchBox(searchRows));
  const help = element('p', { id: 'help', hidden: true }, HELP);
  bar.append(
    element('button', { type: 'button', onclick: toggleTheme }, 'Dark or light'),
    element(
      'button',
      {
        type: 'button',
        'aria-controls': 'help',
        onclick: () => {
          help.hidden = !help.hidden;
        },
      },
      'Keys',
    ),
  );
  tools.append(bar, help);
  tools.hidden = false;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const search = document.getElementById('search');
    if (event.key === 'Escape') {
      search.value = '';
      if (view === undefined) searchRows('');
      else view.clear();
      return;
    }
    if (/^(INPUT|SELECT)$/.test(document.activeElement?.tagName ?? '')) return;
    if (view !== undefined && moveInList(view.body, event)) return;
    const act = {
      '/': () => search.focus(),
      '?': () => {
        help.hidden = !help.hidden;
      },
      d: toggleTheme,
      l: view?.nextTag,
      Backspace: view?.up,
    }[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
  root.dataset.ready = 'true';
}

start();
