// Squarified treemaps (Bruls, Huizing, van Wijk): boxes whose areas are the weights, as square as they can be.

/**
 * Places boxes in a rectangle.
 * @param weights positive, the largest first
 * @returns a rectangle for each
 */
function squarify(weights, { x, y, width, height }) {
  const boxes = [];
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const scale = sum === 0 ? 0 : (width * height) / sum;
  let [left, top, restWidth, restHeight] = [x, y, width, height];
  let from = 0;
  while (from < weights.length) {
    const side = Math.min(restWidth, restHeight);
    let to = from;
    let area = 0;
    let worst = Number.POSITIVE_INFINITY;
    while (to < weights.length) {
      const next = area + weights[to] * scale;
      const ratio = worstRatio(weights[from] * scale, weights[to] * scale, next, side);
      if (ratio > worst) break;
      worst = ratio;
      area = next;
      to += 1;
    }
    const thickness = side === 0 ? 0 : area / side;
    const isColumn = restWidth >= restHeight;
    let at = isColumn ? top : left;
    for (let index = from; index < to; index++) {
      const length = thickness === 0 ? 0 : (weights[index] * scale) / thickness;
      boxes.push(
        isColumn
          ? { x: left, y: at, width: thickness, height: length }
          : { x: at, y: top, width: length, height: thickness },
      );
      at += length;
    }
    if (isColumn) {
      left += thickness;
      restWidth = Math.max(0, restWidth - thickness);
    } else {
      top += thickness;
      restHeight = Math.max(0, restHeight - thickness);
    }
    from = to;
  }
  return boxes;
}

/** How far from a square the worst box of a row is: that of its largest or of its smallest weight. */
function worstRatio(largest, smallest, area, side) {
  const square = side * side;
  return Math.max((square * largest) / (area * area), (area * area) / (square * smallest));
}
