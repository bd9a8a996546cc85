// Elements of the page, and the list of files. Names reach the page as text nodes and in no other way.

/** An element with attributes, listeners (`onclick`) and children. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, '');
    else if (value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Rows are made in such pieces, when they are asked for. */
const PIECE = 100;

/**
 * Fills the list.
 * @param view `rows`: the places to show, and how; `open` goes into a folder, `mark` shows a row in the map
 */
function fillList(body, more, view) {
  let shown = 0;
  const add = () => {
    const next = view.rows.slice(shown, shown + PIECE);
    body.append(...next.map((place) => listRow(place, view)));
    shown += next.length;
    more.hidden = shown >= view.rows.length;
    more.textContent = `Show more (${(view.rows.length - shown).toLocaleString('en')} rows are left)`;
  };
  body.replaceChildren();
  more.onclick = () => {
    const at = shown;
    add();
    body.children[at]?.querySelector('button')?.focus();
  };
  add();
}

function listRow(place, { tree, data, folder, weights, open, mark }) {
  const isFolder = tree.folders[place] === 1;
  const total = weights[folder];
  const name = pathOf(tree, place, folder) + (isFolder ? '/' : '');
  const tag = data.tags[tree.tags[place]];
  const share = total === 0 ? 0 : (weights[place] / total) * 100;
  const button = element('button', { type: 'button', onclick: () => (isFolder ? open(place) : mark(place)) }, name);
  const row = element(
    'tr',
    { 'data-place': String(place), onfocusin: () => mark(place), onpointerenter: () => mark(place) },
    element('td', { class: 'name' }, button),
    element('td', { class: 'number' }, bytesText(tree.bytes[place])),
    element('td', { class: 'number' }, `${share.toFixed(1)} %`),
    element('td', { class: 'number' }, isFolder || tree.files[place] > 1 ? tree.files[place].toLocaleString('en') : ''),
  );
  if (data.tagHead !== '') {
    // A folder has a tag of its own only where it counts by itself.
    row.append(element('td', { class: 'word' }, tree.left[place] === 1 ? (tag?.label ?? '') : ''));
  }
  row.append(element('td', { class: 'prose' }, tree.noteOf(place)));
  return row;
}

/** Arrow keys go from row to row. */
function moveInList(body, event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = document.activeElement?.closest?.('tr');
  if (step === undefined || row?.parentNode !== body) return false;
  const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
  next?.querySelector('button')?.focus();
  event.preventDefault();
  return true;
}
