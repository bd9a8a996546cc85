/**
 * A page as one file of HTML that asks for nothing else: style, script and data are in it, and its own policy allows no
 * others. All that it says stands in plain tables; the script in `browser/` adds search (`data.js` finds, `browse.js`
 * shows), the whole list and the map.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { formatBytes } from '../core/format.ts';
import { VERSION } from '../core/version.ts';
import { withoutSecrets } from '../core/without-secrets.ts';
import browseScript from './browser/browse.js?raw';
import dataScript from './browser/data.js?raw';
import listScript from './browser/list.js?raw';
import mapScript from './browser/map.js?raw';
import style from './browser/page.css?raw';
import pageScript from './browser/page.js?raw';
import squarifyScript from './browser/squarify.js?raw';
import { bySize, type FileTree, fileTree, summedTree, treeData } from './file-tree.ts';
import { text } from './html.ts';
import type { Fact, Page, PageFiles, Row, Section } from './model.ts';

/** Files that stand in the page for readers without scripts, and on paper. */
const LARGEST = 40;

/** Of files and folders: where there are more, a page would be no longer quick. */
const MOST_NODES = 150_000;
/** So that a page is no larger than 1.5 MB, whatever the names in it are. */
const MOST_DATA = 1_380_000;
/** A report that is larger is not kept in the page: that of an image may be as large as its configuration. */
const MOST_REPORT = 600_000;

const script = `'use strict';
(() => {
${[dataScript, squarifyScript, mapScript, listScript, browseScript, pageScript].join('\n')}
})();
`;

/**
 * The text of a page.
 * @param epoch SOURCE_DATE_EPOCH: the time that it gives, in seconds, instead of the present one
 */
export function renderPage(page: Page, epoch: number | undefined): string {
  const report = reportData(page.report);
  const files = page.files && packed(page.files, MOST_DATA - report.length);
  const made = `${new Date(epoch === undefined ? Date.now() : epoch * 1000).toISOString().slice(0, 19)}Z`;
  const policy = `default-src 'none'; script-src '${hash(script)}'; style-src '${hash(style)}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${text(page.title)} - ctxsrc</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${text(page.title)}</h1>
<p class="sentence">${text(page.sentence)}</p>
<div id="tools" hidden></div>
</header>
<main>
<section><h2 id="facts">Facts</h2>
<dl>${page.facts.map(factHtml).join('')}</dl></section>
${page.sections.map(sectionHtml).join('\n')}
${files === undefined ? '' : filesHtml(page.files!, files)}
${(page.appendix ?? []).map((section, at) => sectionHtml(section, page.sections.length + at)).join('\n')}
</main>
<footer><p>Made by ctxsrc ${text(VERSION)} at <time>${made}</time>. Sizes are powers of 1000.</p></footer>
<p id="said" role="status" class="unseen"></p>
${files === undefined ? '' : `<script type="text/plain" id="data">${files.data}</script>`}
${report === '' ? '' : `<script type="text/plain" id="report">${report}</script>`}
<script>${script}</script>
</body>
</html>
`;
}

const hash = (content: string): string => `sha256-${createHash('sha256').update(content).digest('base64')}`;

function factHtml({ label, value, code }: Fact): string {
  const shown = text(value);
  return `<div><dt>${text(label)}</dt><dd>${code === true ? `<code>${shown}</code>` : shown}</dd></div>`;
}

function sectionHtml({ heading, note, columns, rows }: Section, number: number): string {
  const id = `section${number}`;
  const head = columns.map(
    ({ name, kind }) => `<th scope="col"${kind === 'number' ? ' class="number"' : ''}>${text(name)}</th>`,
  );
  const bar = columns.findIndex(({ kind }) => kind === 'bar');
  const amounts = rows.map(({ cells }) => Number(cells[bar] ?? 0));
  const sum = amounts.reduce((all, amount) => all + amount, 0);
  const most = amounts.reduce((largest, amount) => Math.max(largest, amount), 0);
  const body = rows.map((row) => rowHtml(row, columns, { sum, most }));
  return `<section><h2 id="${id}">${text(heading)}</h2>
${note === undefined ? '' : `<p>${text(note)}</p>`}
<div class="wide" tabindex="0" role="region" aria-labelledby="${id}"><table class="rows"><thead><tr>${head.join('')}</tr></thead>
<tbody>
${body.join('\n')}
</tbody></table></div></section>`;
}

function rowHtml({ cells, tone, tag }: Row, columns: Section['columns'], bars: BarScale): string {
  const html = cells.map((cell, at) => {
    const kind = columns[at]?.kind;
    if (kind === 'bar') return `<td class="share">${barHtml(Number(cell), tone, bars)}</td>`;
    const shown = text(String(cell));
    if (kind === 'code') return `<td><code>${shown}</code></td>`;
    return `<td${kind === undefined ? '' : ` class="${kind}"`}>${shown}</td>`;
  });
  return `<tr${tag === undefined ? '' : ` data-tag="${tag}"`}>${html.join('')}</tr>`;
}

/** All amounts of a table, and the largest, whose bar is a whole one. */
interface BarScale {
  readonly sum: number;
  readonly most: number;
}

/** Of attributes alone, so that it needs no style, and its share in words. */
function barHtml(amount: number, tone: Row['tone'], { sum, most }: BarScale): string {
  const width = most === 0 ? '0' : ((amount / most) * 100).toFixed(1);
  const share = sum === 0 ? '-' : `${((amount / sum) * 100).toFixed(0)} %`;
  return `${share} <svg class="bar" width="100" height="12" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true"><rect class="${tone ?? 'tone0'}" width="${width}" height="12"/></svg>`;
}

/** The list and the map, which the script fills; until then, or without it, the largest files. */
function filesHtml(
  { heading, note, tagHead, tags, sizeHead, countHead }: PageFiles,
  { tree, order, summedUpTo }: Packed,
): string {
  const { names, parents, folders, sizes, counts } = tree;
  const largest = order.filter((place) => !folders[place]).subarray(0, LARGEST);
  const pathOf = (place: number): string => {
    const parts: string[] = [];
    for (let at = place; at > 0; at = parents[at]!) parts.push(names[at]!);
    return parts.reverse().join('/');
  };
  const rows = [...largest].map((place) => {
    const tag = tagHead === undefined ? '' : `<td class="word">${text(tags[tree.tags[place]!]?.label ?? '')}</td>`;
    return `<tr><td>${text(pathOf(place))}</td><td class="number">${formatBytes(sizes[place]!)}</td>${tag}<td>${text(tree.notes[place]!)}</td></tr>`;
  });
  const all = counts.reduce((number, count) => number + count, 0);
  const sum = `${all.toLocaleString('en')} ${countHead.toLowerCase()}, ${formatBytes(sizes[0]!)}`;
  const summed =
    summedUpTo === undefined
      ? []
      : [`There are too many for a page: small ones, up to ${formatBytes(summedUpTo)}, are summed in each folder.`];
  const notes = [...(note === undefined ? [] : [note]), ...summed, `${sum}.`];
  return `<section id="files"><h2>${text(heading)}</h2>
<p>${text(notes.join(' '))}</p>
<div id="browse" hidden></div>
<h3 id="largest-title">Largest</h3>
<div class="wide" tabindex="0" role="region" aria-labelledby="largest-title"><table><thead><tr><th scope="col">Path</th><th scope="col" class="number">${text(sizeHead)}</th>${
    tagHead === undefined ? '' : `<th scope="col">${text(tagHead)}</th>`
  }<th scope="col">Details</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table></div>
<noscript><p>Search, the list of all files and the map need JavaScript.</p></noscript></section>`;
}

interface Packed {
  /** All files, also those that the data has only summed. */
  readonly tree: FileTree;
  readonly order: Uint32Array;
  readonly data: string;
  readonly summedUpTo?: number | undefined;
}

/** Text in the form of the data of a page: nothing in it can end the element. */
const deflated = (json: string): string => deflateRawSync(json).toString('base64');

/** A report, its addresses as the page shows them; empty where it is too large. */
function reportData(report: object): string {
  const data = deflated(
    JSON.stringify({ schema: 'ctxsrc/v1', ...report }, (_member, value: unknown) =>
      typeof value === 'string' ? withoutSecrets(value) : value,
    ),
  );
  return data.length > MOST_REPORT ? '' : data;
}

/** The tree and its data, in at most so many characters. */
function packed({ tagHead, tags, sizeHead, countHead, files }: PageFiles, room: number): Packed {
  const words = JSON.stringify({ tagHead: tagHead ?? '', sizeHead, countHead, tags }).slice(0, -1);
  const tree = fileTree(files);
  const order = bySize(tree);
  for (let most = MOST_NODES; ; ) {
    const left = tree.names.length > most ? summedTree(tree, order, most) : tree;
    const data = deflated(`${words},"tree":${treeData(left)}}`);
    if (data.length <= room) return { tree, order, data, summedUpTo: left.summedUpTo };
    most = Math.floor(Math.min(most, tree.names.length) * 0.95 * (room / data.length));
  }
}
