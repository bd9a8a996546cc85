// The map: folders as frames with their name on top, files as boxes. The list below it says the same.

const LEVELS = 5;
const STRIP = 16;
/** Boxes are at least as large as a square of these pixels; what is smaller is one box. */
const SMALLEST = 5;

/** The boxes of a folder, outer ones first. */
function mapBoxes(tree, folder, by, size) {
  const weights = tree[by];
  const boxes = [];
  const fill = (at, rectangle, level) => {
    const weightOfPixel = weights[at] / (rectangle.width * rectangle.height);
    const items = [];
    let rest = weights[at];
    const places = childrenOf(tree, at, by);
    for (const place of places) {
      if (weights[place] === 0 || weights[place] < weightOfPixel * SMALLEST * SMALLEST) break;
      items.push({ place, weight: weights[place] });
      rest -= weights[place];
    }
    const more = places.length - items.length;
    if (more > 0 && rest > 0) {
      const smaller = items.findIndex(({ weight }) => weight < rest);
      items.splice(smaller < 0 ? items.length : smaller, 0, { place: at, weight: rest, more });
    }
    const rectangles = squarify(
      items.map(({ weight }) => weight),
      rectangle,
    );
    for (const [index, item] of items.entries()) {
      const box = { ...item, ...rectangles[index] };
      if (box.width < 2 || box.height < 2) continue;
      const isRoomy = box.height > STRIP * 2 && box.width > STRIP * 2;
      const isFrame = isRoomy && level < LEVELS && item.more === undefined && tree.folders[item.place] === 1;
      boxes.push({ ...box, isFrame });
      if (!isFrame) continue;
      const inner = { x: box.x + 2, y: box.y + STRIP, width: box.width - 4, height: box.height - STRIP - 2 };
      fill(item.place, inner, level + 1);
    }
  };
  if (weights[folder] > 0) fill(folder, { x: 0, y: 0, ...size }, 1);
  return boxes;
}

/** The innermost box at a point. */
function boxAt(boxes, x, y) {
  return boxes.findLast((box) => x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height);
}

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Draws the boxes in the colours of the style; a folder that is not a frame has that of the largest file in it. */
function drawMap(canvas, boxes, { tree, tags, ratio }) {
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  context.font = '12px system-ui, sans-serif';
  context.textBaseline = 'middle';
  const colours = { ink: colourOf('ink'), paper: colourOf('paper'), shade: colourOf('shade'), base: colourOf('base') };
  for (const { tone } of tags) colours[tone] = colourOf(tone);
  context.strokeStyle = colours.paper;
  for (const { place, more, x, y, width, height, isFrame } of boxes) {
    const isFolder = tree.folders[place] === 1;
    context.fillStyle = colours.shade;
    context.fillRect(x, y, width, height);
    if (!isFrame && more === undefined) {
      context.fillStyle = colours[tags[tree.tags[largestIn(tree, place)]]?.tone ?? 'base'];
      context.globalAlpha = isFolder ? 0.6 : 1;
      context.fillRect(x, y, width, height);
      context.globalAlpha = 1;
    }
    context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
    if (width < 30 || height < STRIP) continue;
    const label = isFolder ? '' : (tags[tree.tags[place]]?.label ?? '');
    const name = isFolder ? `${tree.names[place]}/` : tree.names[place];
    const shown = more === undefined ? `${label}  ${name}`.trim() : `${more.toLocaleString('en')} smaller`;
    context.fillStyle = colours.ink;
    context.fillText(cutText(context, shown, width - 8), x + 4, isFrame ? y + STRIP / 2 : y + Math.min(height / 2, 12));
  }
}

/** Draws the frame of one box over what was drawn. */
function outline(canvas, { x, y, width, height }) {
  const context = canvas.getContext('2d');
  context.strokeStyle = colourOf('link');
  context.lineWidth = 4;
  context.strokeRect(x + 2, y + 2, Math.max(0, width - 4), Math.max(0, height - 4));
}

function largestIn(tree, place) {
  const { children } = orderOf(tree, 'bytes');
  let at = place;
  while (tree.folders[at] === 1) {
    const next = children[at]?.find((child) => tree.files[child] > 0);
    if (next === undefined) break;
    at = next;
  }
  return at;
}

function cutText(context, name, width) {
  // No letter is narrower: more of them would be measured for nothing.
  let shown = name.slice(0, Math.ceil(width / 2.5));
  while (shown.length > 1 && context.measureText(shown).width > width) {
    shown = `${shown.slice(0, Math.max(1, Math.floor(shown.length * 0.8) - 1))}…`;
    if (shown.length < 3) return '';
  }
  return shown;
}
