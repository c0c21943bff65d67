// Moves of a few handles, spread over many places: Catmull and Rom's curve through them, flat beyond the outer ones.

// `places`: in units of handles, from 0 to moves.length - 1.
export function spread(moves, places) {
  const at = (index) => moves[Math.min(Math.max(index, 0), moves.length - 1)];
  return places.map((place) => {
    const inside = Math.min(Math.max(place, 0), moves.length - 1);
    const below = Math.min(Math.floor(inside), moves.length - 2);
    const t = inside - below;
    const [a, b, c, d] = [at(below - 1), at(below), at(below + 1), at(below + 2)];
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
  });
}

// Moves [n][m] of a grid of handles at the centers of equal fields, spread over rows x columns cells.
export function spreadGrid(moves, rows, columns) {
  const across = moves.map((line) => spread(line, centers(columns, line.length)));
  const down = Array.from({ length: columns }, (_, x) => spread(across.map((line) => line[x]), centers(rows, moves.length)));
  return Array.from({ length: rows }, (_, y) => down.map((line) => line[y]));
}

function centers(cells, handles) {
  return Array.from({ length: cells }, (_, cell) => ((cell + 0.5) * handles) / cells - 0.5);
}
