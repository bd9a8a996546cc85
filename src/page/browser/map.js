// The map: folders as frames with their name on top, three levels deep, files as boxes. The list beside it says the same.

const LEVELS = 3;
const STRIP = 16;
/** Boxes below this many pixels are left to their folder. */
const SMALLEST = 2;

/** The boxes of a folder, outer ones first. */
function mapBoxes(tree, folder, weights, size) {
  const boxes = [];
  const fill = (at, rectangle, level) => {
    const places = childrenOf(tree, at, weights).filter((place) => weights[place] > 0);
    const rectangles = squarify(
      places.map((place) => weights[place]),
      rectangle,
    );
    for (const [index, place] of places.entries()) {
      const box = { place, ...rectangles[index], level };
      if (box.width < SMALLEST || box.height < SMALLEST) continue;
      const isFrame = tree.folders[place] === 1 && level < LEVELS && box.height > STRIP * 2 && box.width > STRIP * 2;
      boxes.push({ ...box, isFrame });
      if (!isFrame) continue;
      const inner = { x: box.x + 2, y: box.y + STRIP, width: box.width - 4, height: box.height - STRIP - 2 };
      fill(place, inner, level + 1);
    }
  };
  fill(folder, { x: 0, y: 0, ...size }, 1);
  return boxes;
}

/** The innermost box at a point. */
function boxAt(boxes, x, y) {
  return boxes.findLast((box) => x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height);
}

/** Draws the boxes; colours are those of the style. */
function drawMap(canvas, boxes, { tree, tags, marked }) {
  const ratio = Math.max(2, window.devicePixelRatio || 1);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  context.font = '12px system-ui, sans-serif';
  context.textBaseline = 'middle';
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  for (const { place, x, y, width: across, height: down, isFrame } of boxes) {
    const tone = tree.folders[place] === 1 ? 'shade' : (tags[tree.tags[place]]?.tone ?? 'base');
    context.fillStyle = colour(tone);
    context.fillRect(x, y, across, down);
    context.strokeStyle = colour(place === marked ? 'link' : 'paper');
    context.lineWidth = place === marked ? 4 : 1;
    context.strokeRect(x + 0.5, y + 0.5, across - 1, down - 1);
    if (across < 30 || down < STRIP) continue;
    const label = tree.folders[place] === 1 ? '' : (tags[tree.tags[place]]?.label ?? '');
    const name = label === '' ? tree.names[place] : `${label}  ${tree.names[place]}`;
    context.fillStyle = colour('ink');
    context.fillText(cutText(context, name, across - 8), x + 4, isFrame ? y + STRIP / 2 : y + Math.min(down / 2, 12));
  }
}

function cutText(context, name, width) {
  // Longer names would be measured for nothing.
  let shown = name.slice(0, 200);
  while (shown.length > 1 && context.measureText(shown).width > width) {
    shown = `${shown.slice(0, Math.max(1, Math.floor(shown.length * 0.8) - 1))}…`;
    if (shown.length < 3) return '';
  }
  return shown;
}
