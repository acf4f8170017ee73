// Tables that are sorted by a click on the head of a column, or by its key. One script with wall.js and blind.js.

const NUMBER = /^[<>]?\s*(-?\d[\d.]*(?:e[+-]?\d+)?)/i;

/** The text of a cell, or null where the table says that there is nothing. */
function said(row, column) {
  const cell = row.cells[column];
  const isAbsent = !cell || (cell.querySelector(".missing, .quiet") && !cell.querySelector(".number"));
  const words = isAbsent ? "" : cell.textContent.trim();
  return words === "" ? null : words;
}

/** Whether most of a column begins with numbers. */
function isNumeric(rows, column) {
  const words = rows.map((row) => said(row, column)).filter((text) => text !== null);
  return words.filter((text) => NUMBER.test(text)).length * 2 > words.length;
}

/** Sorts the rows of a table; what has no value stays below whichever way it goes, and equal rows stay as they are. */
function sortTable(table, column, sign) {
  const body = table.tBodies[0], rows = [...body.rows], numeric = isNumeric(rows, column);
  const value = (row) => {
    const words = said(row, column), number = numeric && words !== null ? words.match(NUMBER) : null;
    return numeric ? (number && Number(number[1])) : words;
  };
  const compare = (a, b) => numeric ? a - b : a.localeCompare(b, undefined, { numeric: true });
  const keyed = rows.map((row) => [value(row), row]);
  keyed.sort(([a], [b]) => a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b));
  body.append(...keyed.map(([, row]) => row));
}

function sortBy(head, heads) {
  const falls = head.getAttribute("aria-sort") === "ascending";
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", falls ? "descending" : "ascending");
  sortTable(head.closest("table"), head.cellIndex, falls ? -1 : 1);
}

for (const table of all("main table")) {
  if (table.tBodies[0].rows.length < 2) continue;
  const heads = [...table.tHead.rows[0].cells];
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sortBy(head, heads));
  }
}
