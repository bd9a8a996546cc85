// Search, breadcrumb, map and list. What is looked at stands in the address, so that back, forward and a bookmark work.

/** Twice as many elements as names. */
const MOST_CRUMBS = 40;

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
    by: parameters.get('by') === 'files' ? 'files' : 'bytes',
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
  const { tree, tags, sizeHead, countHead, tagHead } = data;
  const [label, search] = searchBox((value) => go({ search: value }, true));
  const by = element(
    'select',
    { id: 'by', onchange: () => go({ by: by.value }) },
    element('option', { value: 'bytes' }, sizeHead),
    element('option', { value: 'files' }, `Number of ${countHead.toLowerCase()}`),
  );
  const crumbs = element('nav', { class: 'crumbs', 'aria-label': 'Folder' });
  const count = element('p', { id: 'count' });
  const clear = element('button', { type: 'button', hidden: true, onclick: () => go({ tag: undefined }) });
  const canvas = element('canvas', { role: 'img' });
  const detail = element('p', { id: 'detail' });
  const body = element('tbody');
  const more = element('button', { type: 'button', hidden: true });
  const heads = ['Name', sizeHead, 'Share', countHead, ...(tagHead === '' ? [] : [tagHead]), 'Details'];
  const headCell = (head, at) => element('th', { scope: 'col', class: at > 0 && at < 4 ? 'number' : undefined }, head);
  const table = element(
    'table',
    {},
    element('caption', { class: 'unseen' }, 'What is in the folder, the largest first'),
    element('thead', {}, element('tr', {}, ...heads.map(headCell))),
    body,
  );
  const place = document.getElementById('browse');
  place.append(
    element('div', { class: 'controls' }, label, search, element('label', { for: 'by' }, 'By'), by, clear),
    crumbs,
    count,
    canvas,
    detail,
    element('div', { id: 'list', class: 'wide' }, table),
    element('div', { class: 'controls' }, more),
  );
  place.hidden = false;

  let state = stateOf(location.hash);
  let folder = 0;
  let boxes = [];
  let ground;
  let frame;
  let marked;

  /** Draws the map anew, finer on paper. */
  const draw = (isPrinted = false) => {
    const size = { width: canvas.clientWidth, height: canvas.clientHeight };
    boxes = size.width > 0 && size.height > 0 ? mapBoxes(tree, folder, state.by, size) : [];
    drawMap(canvas, boxes, { tree, tags, ratio: Math.max(isPrinted ? 2 : 1, window.devicePixelRatio || 1) });
    ground = undefined;
  };
  const drawSoon = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => draw());
  };
  const rowOf = (at) => {
    let shown = at;
    // The list has what is directly in the folder; of a search, what was found.
    while (state.search === '' && shown > 0 && tree.parents[shown] !== folder) shown = tree.parents[shown];
    return body.querySelector(`tr[data-place="${shown}"]`);
  };
  const mark = (at) => {
    if (marked === at || at === folder) return;
    body.querySelector('.here')?.classList.remove('here');
    marked = at;
    rowOf(at)?.classList.add('here');
    if (canvas.width > 0 && canvas.height > 0) {
      // Made when it is first needed: copying it takes as long as drawing.
      if (ground === undefined) {
        ground = element('canvas', { width: String(canvas.width), height: String(canvas.height) });
        ground.getContext('2d').drawImage(canvas, 0, 0);
      }
      canvas.getContext('2d').drawImage(ground, 0, 0, canvas.clientWidth, canvas.clientHeight);
      const box = boxes.find((one) => one.place === at && one.more === undefined);
      if (box !== undefined) outline(canvas, box);
    }
    const isFolder = tree.folders[at] === 1;
    const share = tree.bytes[0] === 0 ? [] : [`${((tree.bytes[at] / tree.bytes[0]) * 100).toFixed(0)} %`];
    const tag = tagHead === '' || tree.left[at] === 0 ? [] : [`${tagHead.toLowerCase()} ${tags[tree.tags[at]]?.label}`];
    const facts = [pathOf(tree, at), isFolder ? 'folder' : 'file', bytesText(tree.bytes[at]), ...share, ...tag];
    said.textContent = facts.join(', ');
    detail.textContent = [...facts, tree.noteOf(at)].filter((fact) => fact !== '').join(', ');
  };

  const go = (change, isTyping = false) => {
    state = { ...state, ...change };
    const address = addressOf(state);
    if (isTyping) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    show();
  };
  /** Goes to a folder; what it came from, or else the first row, has the focus then. */
  const open = (at, options) => {
    const from = folder;
    go({ path: pathOf(tree, at) });
    const row = rowOf(from) ?? body.rows[0];
    row?.querySelector('button')?.focus(options);
  };

  const show = () => {
    folder = folderAt(tree, state.path);
    marked = undefined;
    applyFilters(tree, state);
    if (search.value !== state.search) search.value = state.search;
    by.value = state.by;
    const rows = state.search === '' ? childrenOf(tree, folder, state.by) : filesBelow(tree, folder, state.by);
    fillList(body, more, { rows, tree, data, folder, weights: tree[state.by], open, mark });
    fillCrumbs();
    const numbers = [tree.files[folder], tree.all.files[0]].map((number) => number.toLocaleString('en'));
    const sum = `${numbers.join(' of ')} ${countHead.toLowerCase()}, ${bytesText(tree.bytes[folder])}`;
    count.textContent = sum;
    said.textContent = sum;
    detail.textContent = 'Point at the map or at a row for its details.';
    clear.hidden = state.tag === undefined;
    clear.textContent = `Show every ${tagHead.toLowerCase()}, not only ${tags[state.tag]?.label ?? ''}`;
    for (const row of document.querySelectorAll('tr[data-tag]'))
      row.setAttribute('aria-current', String(Number(row.dataset.tag) === state.tag));
    canvas.setAttribute('aria-label', `Map of /${pathOf(tree, folder)}: the list says the same`);
    drawSoon();
  };

  const fillCrumbs = () => {
    const parts = [];
    for (let at = folder; at > 0; at = tree.parents[at]) parts.push(at);
    const button = (at, name) => element('button', { type: 'button', onclick: () => open(at) }, name);
    const shown = parts.reverse().flatMap((at) => [' / ', button(at, tree.names[at])]);
    // Of a path that is very deep its end.
    const cut = shown.length > MOST_CRUMBS ? [' / … ', ...shown.slice(-MOST_CRUMBS)] : shown;
    crumbs.replaceChildren(button(0, '(all)'), ...cut);
  };

  upgradeTags((tag) => go({ tag: state.tag === tag ? undefined : tag }));
  canvas.addEventListener('pointermove', (event) => {
    const box = boxAt(boxes, event.offsetX, event.offsetY);
    if (box !== undefined) mark(box.place);
  });
  canvas.addEventListener('click', (event) => {
    const box = boxAt(boxes, event.offsetX, event.offsetY);
    if (box === undefined) return;
    open(tree.folders[box.place] === 1 ? box.place : tree.parents[box.place], { preventScroll: true });
  });
  addEventListener('popstate', () => {
    state = stateOf(location.hash);
    show();
  });
  addEventListener('resize', drawSoon);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawSoon);
  addEventListener('beforeprint', () => {
    const { theme } = root.dataset;
    root.dataset.theme = 'light';
    draw(true);
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
  show();
  return {
    body,
    redraw: drawSoon,
    up: () => {
      if (folder !== 0) open(tree.parents[folder]);
    },
    nextTag: () => {
      if (tagHead === '') return;
      const next = state.tag === undefined ? 0 : state.tag + 1;
      go({ tag: next < tags.length ? next : undefined });
    },
    clear: () => go({ search: '', tag: undefined }),
  };
}

/** Makes the first cell of rows that stand for files a button that filters by them. */
function upgradeTags(choose) {
  for (const row of document.querySelectorAll('tr[data-tag]')) {
    const cell = row.cells[0];
    const tag = Number(row.dataset.tag);
    const name = cell.textContent;
    const about = `${name}: show only its files`;
    cell.replaceChildren(element('button', { type: 'button', 'aria-label': about, onclick: () => choose(tag) }, name));
  }
}
