// Draws growth curves as an SVG: both axes by powers of ten, each curve with its name at its end.

const [WIDTH, HEIGHT] = [760, 420];
const PLOT = { left: 60, right: 590, top: 20, bottom: 370 };
const COLOURS = ['#0a6', '#06c', '#c50', '#a0a', '#888', '#b8860b', '#c03'];

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** @param curves name and points (x, seconds) of each */
export function growthPicture(curves, xName) {
  const xs = curves.flatMap(({ points }) => points.map(([x]) => x));
  const ys = curves.flatMap(({ points }) => points.map(([, y]) => y));
  const x = scale(Math.min(...xs), Math.max(...xs), PLOT.left, PLOT.right);
  const y = scale(10 ** Math.floor(Math.log10(Math.min(...ys))), Math.max(...ys), PLOT.bottom, PLOT.top);
  const lines = [];
  for (const at of tens(Math.min(...xs), Math.max(...xs))) {
    lines.push(`<path class="grid" d="M${x(at)} ${PLOT.top}V${PLOT.bottom}"/>`);
    lines.push(`<text x="${x(at)}" y="${PLOT.bottom + 18}" text-anchor="middle">${at.toLocaleString('en')}</text>`);
  }
  for (const at of tens(10 ** Math.floor(Math.log10(Math.min(...ys))), Math.max(...ys))) {
    lines.push(`<path class="grid" d="M${PLOT.left} ${y(at)}H${PLOT.right}"/>`);
    lines.push(`<text x="${PLOT.left - 8}" y="${y(at) + 4}" text-anchor="end">${at} s</text>`);
  }
  const ends = curves.map(({ points }) => y(points.at(-1)[1]));
  const labels = apart(ends, 16);
  for (const [index, { name, points }] of curves.entries()) {
    const colour = COLOURS[index % COLOURS.length];
    const path = points.map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${x(px)} ${y(py)}`).join('');
    lines.push(`<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [px, py] of points) lines.push(`<circle cx="${x(px)}" cy="${y(py)}" r="3" fill="${colour}"/>`);
    const text = `${name}, ${points.at(-1)[1].toFixed(2)} s`;
    lines.push(`<text x="${PLOT.right + 10}" y="${labels[index] + 4}" fill="${colour}">${escaped(text)}</text>`);
  }
  lines.push(
    `<text x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escaped(xName)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" role="img">
<title>Seconds by number of ${escaped(xName)}</title>
<style>text:not([fill]){fill:#555}.grid{stroke:#8884;fill:none}@media(prefers-color-scheme:dark){text:not([fill]){fill:#aaa}}</style>
${lines.join('\n')}
</svg>
`;
}

function scale(least, most, from, to) {
  const [low, high] = [Math.log10(least), Math.log10(most)];
  return (value) => Number((from + ((Math.log10(value) - low) / (high - low || 1)) * (to - from)).toFixed(1));
}

function tens(least, most) {
  const first = Math.ceil(Math.log10(least));
  return Array.from({ length: Math.floor(Math.log10(most)) - first + 1 }, (_, i) => 10 ** (first + i));
}

/** The positions, moved as little as it takes to be so far apart. */
function apart(positions, distance) {
  const moved = [...positions];
  let last = Number.NEGATIVE_INFINITY;
  for (const index of [...positions.keys()].sort((a, b) => positions[a] - positions[b])) {
    moved[index] = Math.max(moved[index], last + distance);
    last = moved[index];
  }
  return moved;
}
