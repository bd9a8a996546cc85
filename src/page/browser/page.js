// The page as a whole: colours, keys, and a search for pages without files.

const root = document.documentElement;
const tools = document.getElementById('tools');
const said = document.getElementById('said');

const isDark = () =>
  root.dataset.theme === 'dark' ||
  (root.dataset.theme === undefined && matchMedia('(prefers-color-scheme: dark)').matches);

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

/** The report of the page, and its files, as one document. */
async function saveJson(report, data) {
  const saved = { ...(await heldIn(report)), ...(data === undefined ? {} : { paths: listedPaths(data) }) };
  const href = URL.createObjectURL(new Blob([JSON.stringify(saved)], { type: 'application/json' }));
  element('a', { href, download: 'ctxsrc.json' }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

const HELP =
  '/ search, Esc clear, arrows and Enter in the list, Backspace out of a folder, L next layer or kind of change, D dark or light';

async function start() {
  const source = document.getElementById('data');
  const report = document.getElementById('report');
  const canRead = typeof DecompressionStream === 'function';
  const data = source !== null && canRead ? await readData(source) : undefined;
  const view = data && (await browse(data));
  const bar = element('div', { class: 'controls' });
  if (source === null) bar.append(...searchBox(searchRows));
  const toggleTheme = () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    view?.redraw();
  };
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
  if (report !== null && canRead) {
    bar.append(element('button', { type: 'button', onclick: () => saveJson(report, data) }, 'Save as JSON'));
  }
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
