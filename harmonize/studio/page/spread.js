// Moves of a few handles, spread smoothly over many places: each reaches to its neighbors and no farther, so that
// nothing falls where something is raised.

// `places`: in units of handles, from 0 to moves.length - 1.
export function spread(moves, places) {
  return places.map((place) => {
    const inside = Math.min(Math.max(place, 0), moves.length - 1);
    const below = Math.min(Math.floor(inside), moves.length - 2);
    const t = inside - below;
    return moves[below] + t * t * (3 - 2 * t) * (moves[below + 1] - moves[below]);
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
