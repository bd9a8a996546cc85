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

const HELP =
  '/ search, Esc clear, arrows and Enter in the list, Backspace out of a folder, L next layer or kind of change, D dark or light';

async function start() {
  const source = document.getElementById('data');
  let view;
  if (source !== null && typeof DecompressionStream === 'function') view = await browse(await readData(source));
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
